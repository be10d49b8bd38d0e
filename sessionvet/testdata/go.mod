module sessionvet.test

go 1.25.2

require (
	github.com/expanse-go/session v0.1.0
	github.com/expanse-go/session/sessionconfig v0.1.0
	github.com/expanse-go/session/sessionecho v0.1.0
	github.com/expanse-go/session/sessionfiber v0.1.0
	github.com/expanse-go/session/sessiongin v0.1.0
	github.com/gin-gonic/gin v1.0.0
	github.com/gofiber/fiber/v3 v3.0.0
	github.com/labstack/echo/v5 v5.0.0
)

// The real package session; of the other modules, only what the tests need, so that they need
// no downloads.
replace (
	github.com/expanse-go/session => ../..
	github.com/expanse-go/session/sessionconfig => ./stubs/sessionconfig
	github.com/expanse-go/session/sessionecho => ./stubs/sessionecho
	github.com/expanse-go/session/sessionfiber => ./stubs/sessionfiber
	github.com/expanse-go/session/sessiongin => ./stubs/sessiongin
	github.com/gin-gonic/gin => ./stubs/gin
	github.com/gofiber/fiber/v3 => ./stubs/fiber
	github.com/labstack/echo/v5 => ./stubs/echo
)
