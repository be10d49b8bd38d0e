module github.com/expanse-go/session/sessionecho

go 1.25.2

require (
	github.com/coder/websocket v1.8.15
	github.com/expanse-go/session v0.1.0
	github.com/labstack/echo/v5 v5.4.4
)

require golang.org/x/time v0.15.0 // indirect
