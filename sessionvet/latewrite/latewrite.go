package latewrite

import (
	_ "embed"
	"go/ast"
	"go/token"
	"strings"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/passes/inspect"

	"github.com/expanse-go/session/sessionvet/internal/calls"
)

//go:embed doc.go
var doc string

// Analyzer reports changes of a session after the response has begun.
var Analyzer = &analysis.Analyzer{
	Name:     "latewrite",
	Doc:      calls.Doc("latewrite", doc),
	URL:      "https://pkg.go.dev/github.com/expanse-go/session/sessionvet/latewrite",
	Requires: []*analysis.Analyzer{inspect.Analyzer},
	Run:      run,
}

func run(pass *analysis.Pass) (any, error) {
	in := calls.Inspector(pass)
	in.Preorder([]ast.Node{(*ast.FuncDecl)(nil), (*ast.FuncLit)(nil)}, func(n ast.Node) {
		var body *ast.BlockStmt
		switch n := n.(type) {
		case *ast.FuncDecl:
			body = n.Body
		case *ast.FuncLit:
			body = n.Body
		}
		w := walker{pass}
		if body != nil && !w.unusual(body) {
			w.block(body.List, nil)
		}
	})
	return nil, nil
}

// A walker follows the statements of a function in the order in which they run. Its methods
// take the call that has begun the response, or nil, and return the one that has begun it for
// certain after the statement.
type walker struct{ pass *analysis.Pass }

// unusual reports whether a function jumps, or commits sessions itself.
func (w walker) unusual(body *ast.BlockStmt) bool {
	found := false
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BranchStmt:
			found = found || n.Tok == token.GOTO
		case *ast.CallExpr:
			f := calls.Of(w.pass.TypesInfo, n)
			found = found || f.Pkg == calls.Session && f.Recv == "Manager" && strings.HasPrefix(f.Name, "Commit")
		}
		return !found
	})
	return found
}

func (w walker) block(list []ast.Stmt, begun *ast.CallExpr) *ast.CallExpr {
	for _, s := range list {
		begun = w.stmt(s, begun)
	}
	return begun
}

func (w walker) stmt(s ast.Stmt, begun *ast.CallExpr) *ast.CallExpr {
	switch s := s.(type) {
	case nil, *ast.DeferStmt, *ast.GoStmt: // runs at another time
		return begun
	case *ast.BlockStmt:
		return w.block(s.List, begun)
	case *ast.LabeledStmt:
		return w.stmt(s.Stmt, begun)
	case *ast.IfStmt:
		begun = w.expr(s.Cond, w.stmt(s.Init, begun))
		w.stmt(s.Body, begun)
		w.stmt(s.Else, begun)
	case *ast.ForStmt:
		begun = w.stmt(s.Init, begun)
		if s.Cond != nil {
			begun = w.expr(s.Cond, begun)
		}
		w.stmt(s.Post, w.stmt(s.Body, begun))
	case *ast.RangeStmt:
		begun = w.expr(s.X, begun)
		w.stmt(s.Body, begun)
	case *ast.SwitchStmt:
		begun = w.stmt(s.Init, begun)
		if s.Tag != nil {
			begun = w.expr(s.Tag, begun)
		}
		w.clauses(s.Body, begun)
	case *ast.TypeSwitchStmt:
		begun = w.stmt(s.Assign, w.stmt(s.Init, begun))
		w.clauses(s.Body, begun)
	case *ast.SelectStmt:
		w.clauses(s.Body, begun)
	default:
		return w.expr(s, begun)
	}
	return begun
}

// clauses walks through each of the clauses of a statement.
func (w walker) clauses(body *ast.BlockStmt, begun *ast.CallExpr) {
	for _, s := range body.List {
		switch s := s.(type) {
		case *ast.CaseClause:
			w.block(s.Body, begun)
		case *ast.CommClause:
			w.block(s.Body, w.stmt(s.Comm, begun))
		}
	}
}

// expr walks through the calls of an expression or of a simple statement.
func (w walker) expr(n ast.Node, begun *ast.CallExpr) *ast.CallExpr {
	ast.Inspect(n, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.BinaryExpr: // the right side may not run
			if n.Op == token.LAND || n.Op == token.LOR {
				begun = w.expr(n.X, begun)
				w.expr(n.Y, begun)
				return false
			}
		case *ast.CallExpr:
			begun = w.call(n, begun)
			return false
		}
		return true
	})
	return begun
}

// call walks through the operands of a call, and then judges the call.
func (w walker) call(call *ast.CallExpr, begun *ast.CallExpr) *ast.CallExpr {
	begun = w.expr(call.Fun, begun)
	for _, arg := range call.Args {
		begun = w.expr(arg, begun)
	}
	info := w.pass.TypesInfo
	if f := calls.Of(info, call); begun != nil && f.Writes() {
		w.pass.Reportf(call.Pos(), "%s changes the session after the response has begun in line %d: the client cannot get an error or a new cookie any more; move it before the first write of the response",
			f.Name, w.pass.Fset.Position(begun.Pos()).Line)
	}
	if begun == nil && calls.Responds(info, call) {
		return call
	}
	return begun
}
