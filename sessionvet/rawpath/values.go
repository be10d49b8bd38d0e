package rawpath

import (
	"go/ast"
	"go/token"
	"go/types"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/ast/inspector"
)

// assignments collects the values of the variables that a package declares: what they are
// assigned, or what they range over. An unknown value is nil.
func assignments(pass *analysis.Pass, in *inspector.Inspector) map[types.Object][]ast.Expr {
	values := make(map[types.Object][]ast.Expr)
	add := func(to, value ast.Expr) {
		id, ok := ast.Unparen(to).(*ast.Ident)
		if !ok || id.Name == "_" {
			return
		}
		if v, ok := pass.TypesInfo.ObjectOf(id).(*types.Var); ok {
			values[v] = append(values[v], value)
		}
	}
	pairs := func(to, from []ast.Expr) {
		for i := range to {
			if len(to) == len(from) {
				add(to[i], from[i])
			} else {
				add(to[i], nil)
			}
		}
	}
	parameters := func(f *ast.FuncType) {
		for _, list := range []*ast.FieldList{f.Params, f.Results} {
			if list == nil {
				continue
			}
			for _, field := range list.List {
				for _, name := range field.Names {
					add(name, nil)
				}
			}
		}
	}
	in.Preorder([]ast.Node{
		(*ast.AssignStmt)(nil), (*ast.ValueSpec)(nil), (*ast.RangeStmt)(nil), (*ast.FuncType)(nil), (*ast.UnaryExpr)(nil),
	}, func(n ast.Node) {
		switch n := n.(type) {
		case *ast.AssignStmt:
			pairs(n.Lhs, n.Rhs)
		case *ast.ValueSpec:
			for i, name := range n.Names {
				switch {
				case len(n.Values) == len(n.Names):
					add(name, n.Values[i])
				case len(n.Values) > 0:
					add(name, nil)
				}
			}
		case *ast.RangeStmt:
			for _, to := range []ast.Expr{n.Key, n.Value} {
				if to != nil {
					add(to, n.X)
				}
			}
		case *ast.FuncType:
			parameters(n)
		case *ast.UnaryExpr:
			if n.Op == token.AND {
				add(n.X, nil) // its address is taken, so anybody may assign to it
			}
		}
	})
	return values
}
