module github.com/expanse-go/session/sessionmigrate

go 1.25.2

require (
	github.com/expanse-go/session v0.1.0
	github.com/gorilla/securecookie v1.1.2
	github.com/redis/go-redis/v9 v9.22.0
)

require (
	github.com/cespare/xxhash/v2 v2.3.0 // indirect
	go.uber.org/atomic v1.11.0 // indirect
	golang.org/x/sys v0.30.0 // indirect
)
