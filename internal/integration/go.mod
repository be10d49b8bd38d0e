module github.com/expanse-go/session/internal/integration

go 1.26.0

require github.com/expanse-go/session v0.1.0
