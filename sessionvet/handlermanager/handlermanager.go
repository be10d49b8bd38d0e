package handlermanager

import (
	_ "embed"
	"go/ast"
	"go/types"
	"strings"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/passes/inspect"

	"github.com/expanse-go/session/sessionvet/internal/calls"
)

//go:embed doc.go
var doc string

// Analyzer reports managers that are made in a handler.
var Analyzer = &analysis.Analyzer{
	Name:     "handlermanager",
	Doc:      calls.Doc("handlermanager", doc),
	URL:      "https://pkg.go.dev/github.com/expanse-go/session/sessionvet/handlermanager",
	Requires: []*analysis.Analyzer{inspect.Analyzer},
	Run:      run,
}

func run(pass *analysis.Pass) (any, error) {
	in := calls.Inspector(pass)
	in.Preorder([]ast.Node{(*ast.FuncDecl)(nil), (*ast.FuncLit)(nil)}, func(n ast.Node) {
		var body *ast.BlockStmt
		var sig *types.Signature
		switch n := n.(type) {
		case *ast.FuncDecl:
			body = n.Body
			if f, ok := pass.TypesInfo.Defs[n.Name].(*types.Func); ok {
				sig = f.Signature()
			}
		case *ast.FuncLit:
			body = n.Body
			sig, _ = pass.TypesInfo.TypeOf(n).(*types.Signature)
		}
		if body == nil || sig == nil || !handles(sig) {
			return
		}
		ast.Inspect(body, func(n ast.Node) bool {
			if _, ok := n.(*ast.FuncLit); ok {
				return false
			}
			if call, ok := n.(*ast.CallExpr); ok && opens(calls.Of(pass.TypesInfo, call)) {
				pass.Reportf(call.Pos(), "a manager is made in a handler: each request gets one of its own, which shares nothing with the others; make it once, when the program starts")
			}
			return true
		})
	})
	return nil, nil
}

func opens(f calls.Func) bool {
	switch f {
	case calls.Func{Pkg: calls.Session, Name: "New"},
		calls.Func{Pkg: calls.Session + "/sessionconfig", Name: "Open"},
		calls.Func{Pkg: calls.Session + "/sessionconfig", Recv: "Config", Name: "Open"}:
		return true
	}
	return false
}

// handles reports whether a function has the parameters of a handler.
func handles(sig *types.Signature) bool {
	var names []calls.Name
	for v := range sig.Params().Variables() {
		names = append(names, calls.TypeName(v.Type()))
	}
	switch {
	case len(names) == 1:
		return names[0].Name == "Context" && (strings.HasPrefix(names[0].Pkg, "github.com/labstack/echo") || names[0].Pkg == "github.com/gin-gonic/gin") ||
			names[0].Name == "Ctx" && strings.HasPrefix(names[0].Pkg, "github.com/gofiber/fiber")
	case len(names) == 2, len(names) == 3 && names[2] == calls.Name{Pkg: calls.Session, Name: "Session"}:
		return names[0] == calls.Name{Pkg: "net/http", Name: "ResponseWriter"} && names[1] == calls.Name{Pkg: "net/http", Name: "Request"}
	}
	return false
}
