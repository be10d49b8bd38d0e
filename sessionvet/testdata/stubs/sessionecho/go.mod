module github.com/expanse-go/session/sessionecho

go 1.25.2
