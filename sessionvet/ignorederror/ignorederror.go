package ignorederror

import (
	_ "embed"
	"go/ast"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/passes/inspect"

	"github.com/expanse-go/session/sessionvet/internal/calls"
)

//go:embed doc.go
var doc string

// Analyzer reports ignored errors of From.
var Analyzer = &analysis.Analyzer{
	Name:     "ignorederror",
	Doc:      calls.Doc("ignorederror", doc),
	URL:      "https://pkg.go.dev/github.com/expanse-go/session/sessionvet/ignorederror",
	Requires: []*analysis.Analyzer{inspect.Analyzer},
	Run:      run,
}

// advices says for each package with a function From what to do with the error.
var advices = map[string]string{
	calls.Session:                   "answer with session.Error(w, r, err) and return",
	calls.Session + "/sessionecho":  "return sessionecho.Error(err)",
	calls.Session + "/sessionfiber": "return sessionfiber.Error(err)",
	calls.Session + "/sessiongin":   "call sessiongin.Error(c, err) and return",
}

func run(pass *analysis.Pass) (any, error) {
	in := calls.Inspector(pass)
	in.Preorder([]ast.Node{(*ast.AssignStmt)(nil), (*ast.ValueSpec)(nil)}, func(n ast.Node) {
		switch n := n.(type) {
		case *ast.AssignStmt:
			check(pass, n.Lhs, n.Rhs)
		case *ast.ValueSpec:
			names := make([]ast.Expr, len(n.Names))
			for i, name := range n.Names {
				names[i] = name
			}
			check(pass, names, n.Values)
		}
	})
	return nil, nil
}

func check(pass *analysis.Pass, to, values []ast.Expr) {
	if len(to) != 2 || len(values) != 1 || !blank(to[1]) {
		return
	}
	if _, ok := to[0].(*ast.Ident); !ok || blank(to[0]) {
		return
	}
	call, ok := ast.Unparen(values[0]).(*ast.CallExpr)
	if !ok {
		return
	}
	f := calls.Of(pass.TypesInfo, call)
	advice, ok := advices[f.Pkg]
	if !ok || f.Name != "From" || f.Recv != "" && f.Recv != "Manager" {
		return
	}
	pass.Reportf(to[1].Pos(), "the error of From is ignored: if the store fails, the session is nil and its use panics; %s", advice)
}

func blank(e ast.Expr) bool {
	id, ok := e.(*ast.Ident)
	return ok && id.Name == "_"
}
