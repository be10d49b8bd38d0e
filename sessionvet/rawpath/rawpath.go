package rawpath

import (
	_ "embed"
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"strings"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/passes/inspect"

	"github.com/expanse-go/session/sessionvet/internal/calls"
)

//go:embed doc.go
var doc string

// Analyzer reports paths that are made of text whose dots are not escaped.
var Analyzer = &analysis.Analyzer{
	Name:     "rawpath",
	Doc:      calls.Doc("rawpath", doc),
	URL:      "https://pkg.go.dev/github.com/expanse-go/session/sessionvet/rawpath",
	Requires: []*analysis.Analyzer{inspect.Analyzer},
	Run:      run,
}

func run(pass *analysis.Pass) (any, error) {
	in := calls.Inspector(pass)
	c := checker{info: pass.TypesInfo, values: assignments(pass, in)}
	in.Preorder([]ast.Node{(*ast.CallExpr)(nil)}, func(n ast.Node) {
		for _, path := range calls.Path(pass.TypesInfo, n.(*ast.CallExpr)) {
			if part := c.raw(path); part != nil {
				pass.Reportf(part.Pos(), "%s is part of a path as it is: a dot in it would address another value; make the path with session.Join, which escapes dots", types.ExprString(part))
			}
		}
	})
	return nil, nil
}

// A checker judges the parts of paths.
type checker struct {
	info *types.Info

	// values are all values that a variable gets. A variable without an entry gets its values
	// in other ways, for example as a parameter.
	values map[types.Object][]ast.Expr
}

// raw returns the part of a path that is text of unknown content, or nil.
func (c checker) raw(path ast.Expr) ast.Expr {
	parts := c.parts(path)
	for i, part := range parts {
		if call, ok := ast.Unparen(part).(*ast.CallExpr); ok && request(calls.Of(c.info, call)) {
			return part
		}
		if i > 0 && !c.safe(part, 0) {
			return part // at the beginning, it is probably the path of something
		}
	}
	return nil
}

// parts returns the parts from which an expression makes a text, or the expression.
func (c checker) parts(path ast.Expr) []ast.Expr {
	switch e := ast.Unparen(path).(type) {
	case *ast.BinaryExpr:
		if e.Op == token.ADD && c.info.Types[e].Value == nil {
			return append(c.parts(e.X), c.parts(e.Y)...)
		}
	case *ast.CallExpr:
		switch f := calls.Of(c.info, e); {
		case f.Pkg != "fmt" || len(e.Args) == 0:
		case f.Name == "Sprint", f.Name == "Sprintln":
			return e.Args
		case f.Name == "Sprintf":
			format := c.info.Types[e.Args[0]].Value
			if format != nil && strings.HasPrefix(constant.StringVal(format), "%") {
				return e.Args[1:] // begins with its first argument
			}
			return e.Args
		}
	}
	return []ast.Expr{path}
}

// request reports whether a function returns a value that the client has chosen.
func request(f calls.Func) bool {
	switch f.Pkg {
	case "net/http":
		return f.Recv == "Request" && (f.Name == "FormValue" || f.Name == "PostFormValue" || f.Name == "PathValue") ||
			f.Recv == "Header" && f.Name == "Get"
	case "net/url":
		return f.Recv == "Values" && f.Name == "Get"
	}
	return false
}

// safe reports whether an expression is a constant, no text, or text that is a path already.
func (c checker) safe(e ast.Expr, depth int) bool {
	e = ast.Unparen(e)
	if c.info.Types[e].Value != nil || depth > 5 {
		return true
	}
	t := c.info.TypeOf(e)
	if b, ok := t.Underlying().(*types.Basic); ok && b.Info()&types.IsString == 0 {
		return true
	}
	if calls.TypeName(t).Pkg == calls.Session { // a Key or an ID
		return true
	}
	switch e := e.(type) {
	case *ast.Ident:
		return c.named(e.Name) || c.always(c.info.ObjectOf(e), depth)
	case *ast.SelectorExpr:
		return c.named(e.Sel.Name)
	case *ast.IndexExpr:
		return c.constants(e.X, depth)
	case *ast.BinaryExpr:
		return c.safe(e.X, depth+1) && c.safe(e.Y, depth+1)
	case *ast.CallExpr:
		f := calls.Of(c.info, e)
		return f.Pkg == calls.Session && (f.Name == "Join" || f.Recv == "Key" && f.Name == "String") ||
			f.Pkg == "strconv" && (f.Name == "Itoa" || strings.HasPrefix(f.Name, "Format")) ||
			f.Pkg == "crypto/rand" && f.Name == "Text" || c.named(f.Name)
	}
	return false
}

// named reports whether a name says that the text is a path.
func (c checker) named(name string) bool {
	name = strings.ToLower(name)
	return strings.Contains(name, "path") || strings.Contains(name, "prefix")
}

// always reports whether all values of a variable are known and safe.
func (c checker) always(v types.Object, depth int) bool {
	values, ok := c.values[v]
	for _, e := range values {
		if e == nil || !c.safe(e, depth+1) && !c.constants(e, depth+1) {
			return false
		}
	}
	return ok
}

// constants reports whether an expression is a list or map of safe values, or a sequence of
// paths.
func (c checker) constants(e ast.Expr, depth int) bool {
	switch e := ast.Unparen(e).(type) {
	case *ast.CompositeLit:
		for _, item := range e.Elts {
			if kv, ok := item.(*ast.KeyValueExpr); ok {
				if !c.safe(kv.Key, depth+1) {
					return false
				}
				item = kv.Value
			}
			if _, ok := item.(*ast.CompositeLit); ok || !c.safe(item, depth+1) {
				return false
			}
		}
		return true
	case *ast.Ident:
		values, ok := c.values[c.info.ObjectOf(e)]
		for _, v := range values {
			if v == nil || depth > 5 || !c.constants(v, depth+1) {
				return false
			}
		}
		return ok
	case *ast.CallExpr:
		f := calls.Of(c.info, e)
		return f.Pkg == calls.Session && f.Recv == "Session" && (f.Name == "Keys" || f.Name == "FlashPaths")
	}
	return false
}
