module github.com/expanse-go/session/sessionpage

go 1.25.2

require (
	github.com/expanse-go/session v0.1.0
	github.com/medama-io/go-useragent v1.2.5
)

require github.com/boyter/go-string v1.0.5 // indirect
