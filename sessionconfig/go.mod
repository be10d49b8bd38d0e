module github.com/expanse-go/session/sessionconfig

go 1.25.1

require github.com/expanse-go/session v0.1.0
