module github.com/expanse-go/session/sessionconfig

go 1.25.2

require (
	github.com/expanse-go/session v0.1.0
	github.com/joho/godotenv v1.5.1
	github.com/pelletier/go-toml/v2 v2.4.3
)
