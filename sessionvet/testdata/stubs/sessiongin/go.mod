module github.com/expanse-go/session/sessiongin

go 1.25.2
