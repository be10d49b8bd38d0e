// Package sessionvet finds mistakes in the use of package session that the compiler cannot find.
// Run its command as a tool of go vet:
//
//	go install github.com/expanse-go/session/sessionvet/cmd/sessionvet@latest
//	go vet -vettool=$(which sessionvet) ./...
//
// or add [Analyzers] to a program of your own with
// golang.org/x/tools/go/analysis/multichecker, or to golangci-lint as a plugin.
//
// The analyzers prefer silence to a false alarm: each reports only what it sees in one
// function, and says what is wrong, why, and what to do. None looks at test files. The packages
// of the analyzers list what they report and what they leave alone. Each has a flag that runs it
// alone, such as -latewrite, and -latewrite=false leaves it out. docs/mistakes.md explains the
// mistakes.
package sessionvet

import (
	"golang.org/x/tools/go/analysis"

	"github.com/expanse-go/session/sessionvet/handlermanager"
	"github.com/expanse-go/session/sessionvet/ignorederror"
	"github.com/expanse-go/session/sessionvet/impureupdate"
	"github.com/expanse-go/session/sessionvet/latewrite"
	"github.com/expanse-go/session/sessionvet/rawpath"
)

// Analyzers returns all analyzers, in alphabetical order. The caller owns the slice.
func Analyzers() []*analysis.Analyzer {
	return []*analysis.Analyzer{
		handlermanager.Analyzer,
		ignorederror.Analyzer,
		impureupdate.Analyzer,
		latewrite.Analyzer,
		rawpath.Analyzer,
	}
}
