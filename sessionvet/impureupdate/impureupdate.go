package impureupdate

import (
	_ "embed"
	"fmt"
	"go/ast"
	"go/token"
	"go/types"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/passes/inspect"

	"github.com/expanse-go/session/sessionvet/internal/calls"
)

//go:embed doc.go
var doc string

// Analyzer reports functions of Update that are not pure.
var Analyzer = &analysis.Analyzer{
	Name:     "impureupdate",
	Doc:      calls.Doc("impureupdate", doc),
	URL:      "https://pkg.go.dev/github.com/expanse-go/session/sessionvet/impureupdate",
	Requires: []*analysis.Analyzer{inspect.Analyzer},
	Run:      run,
}

func run(pass *analysis.Pass) (any, error) {
	in := calls.Inspector(pass)
	declared := make(map[types.Object]*ast.FuncDecl)
	in.Preorder([]ast.Node{(*ast.FuncDecl)(nil)}, func(n ast.Node) {
		f := n.(*ast.FuncDecl)
		declared[pass.TypesInfo.Defs[f.Name]] = f
	})
	seen := make(map[ast.Node]bool)
	in.Preorder([]ast.Node{(*ast.CallExpr)(nil)}, func(n ast.Node) {
		f := function(pass.TypesInfo, n.(*ast.CallExpr))
		switch f := f.(type) {
		case *ast.FuncLit:
			check(pass, f, f.Body)
		case *ast.Ident:
			if d := declared[pass.TypesInfo.Uses[f]]; d != nil && d.Body != nil && !seen[d] {
				seen[d] = true
				check(pass, d, d.Body)
			}
		}
	})
	return nil, nil
}

// function returns the function that a call passes to Update, or nil.
func function(info *types.Info, call *ast.CallExpr) ast.Expr {
	i := 0
	switch calls.Of(info, call) {
	case calls.Func{Pkg: calls.Session, Name: "Update"}:
		i = 2
	case calls.Func{Pkg: calls.Session, Recv: "Key", Name: "Update"}:
		i = 1
	default:
		return nil
	}
	if len(call.Args) <= i {
		return nil
	}
	return ast.Unparen(call.Args[i])
}

// check reports what a function f does besides computing a value.
func check(pass *analysis.Pass, f ast.Node, body *ast.BlockStmt) {
	info := pass.TypesInfo
	report := func(pos token.Pos, format string, args ...any) {
		pass.Reportf(pos, "the function of Update %s: it runs again if another request commits first, so it may only compute the value from its argument; do this before or after Update",
			fmt.Sprintf(format, args...))
	}
	// outside returns the variable at the root of e if it is declared outside of f.
	outside := func(e ast.Expr) *types.Var {
		v := calls.Root(info, e)
		if v == nil || v.Pos() >= f.Pos() && v.Pos() < f.End() {
			return nil
		}
		return v
	}
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			for _, to := range n.Lhs {
				if v := outside(to); v != nil && v.Name() != "_" {
					report(n.Pos(), "assigns to %s, which is declared outside of it", v.Name())
				}
			}
		case *ast.IncDecStmt:
			if v := outside(n.X); v != nil {
				report(n.Pos(), "assigns to %s, which is declared outside of it", v.Name())
			}
		case *ast.SendStmt:
			if v := outside(n.Chan); v != nil {
				report(n.Pos(), "sends to the channel %s", v.Name())
			}
		case *ast.GoStmt:
			report(n.Pos(), "starts a goroutine")
		case *ast.CallExpr:
			if id, ok := ast.Unparen(n.Fun).(*ast.Ident); ok && len(n.Args) > 0 {
				if b, ok := info.Uses[id].(*types.Builtin); ok && (b.Name() == "delete" || b.Name() == "clear") {
					if v := outside(n.Args[0]); v != nil {
						report(n.Pos(), "changes %s, which is declared outside of it", v.Name())
					}
				}
			}
			if what := effect(info, n, outside); what != "" {
				report(n.Pos(), "%s", what)
			}
		}
		return true
	})
}
