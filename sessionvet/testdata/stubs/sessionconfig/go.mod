module github.com/expanse-go/session/sessionconfig

go 1.25.2
