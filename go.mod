module github.com/expanse-go/session

go 1.25.2
