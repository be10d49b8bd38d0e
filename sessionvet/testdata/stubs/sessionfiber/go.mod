module github.com/expanse-go/session/sessionfiber

go 1.25.2
