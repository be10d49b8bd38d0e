// Sessionvet finds mistakes in the use of package session. It is a tool of go vet, and also
// runs alone:
//
//	go vet -vettool=$(which sessionvet) ./...
//	sessionvet ./...
//
// Its exit status is that of go vet: 0 if it has found nothing. "sessionvet help" lists the
// analyzers.
package main

import (
	"golang.org/x/tools/go/analysis/multichecker"

	"github.com/expanse-go/session/sessionvet"
)

func main() { multichecker.Main(sessionvet.Analyzers()...) }
