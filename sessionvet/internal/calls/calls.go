// Package calls recognizes calls of package session and of the packages that write responses.
package calls

import (
	"go/ast"
	"go/constant"
	"go/doc"
	"go/parser"
	"go/token"
	"go/types"
	"strings"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/passes/inspect"
	"golang.org/x/tools/go/ast/inspector"
	"golang.org/x/tools/go/types/typeutil"
)

// Session is the import path of package session.
const Session = "github.com/expanse-go/session"

// Doc returns the package comment in the text of a file, as the Doc of an analyzer. So the
// documentation is in one place.
func Doc(name, file string) string {
	f, err := parser.ParseFile(token.NewFileSet(), name+".go", file, parser.PackageClauseOnly|parser.ParseComments)
	if err != nil {
		panic(err) // the file is embedded and has been compiled
	}
	var p doc.Package
	text := strings.TrimPrefix(f.Doc.Text(), "Package "+name+" ")
	return string(p.Text(text))
}

// Inspector returns the inspector of the files of a package that are not tests. Tests do on
// purpose what would be a mistake elsewhere: they count how often a function runs, or change a
// session too late.
func Inspector(pass *analysis.Pass) *inspector.Inspector {
	var files []*ast.File
	for _, f := range pass.Files {
		if !strings.HasSuffix(pass.Fset.Position(f.FileStart).Filename, "_test.go") {
			files = append(files, f)
		}
	}
	if len(files) < len(pass.Files) {
		return inspector.New(files)
	}
	return pass.ResultOf[inspect.Analyzer].(*inspector.Inspector)
}

// A Func is a function or method that is called.
type Func struct {
	Pkg  string // import path
	Recv string // name of the receiver's type, without a star; "" for a function
	Name string
}

// Of returns the function that a call calls, or the zero Func if that is not known, for example
// if it is a variable.
func Of(info *types.Info, call *ast.CallExpr) Func {
	f, ok := typeutil.Callee(info, call).(*types.Func)
	if !ok || f.Pkg() == nil {
		return Func{}
	}
	called := Func{Pkg: f.Pkg().Path(), Name: f.Name()}
	if recv := f.Signature().Recv(); recv != nil {
		called.Recv = TypeName(recv.Type()).Name
	}
	return called
}

// A Name is the name of a type.
type Name struct{ Pkg, Name string }

// TypeName returns the name of a type or of what it points to. It is zero for types without a
// name.
func TypeName(t types.Type) Name {
	if p, ok := types.Unalias(t).(*types.Pointer); ok {
		t = p.Elem()
	}
	if n, ok := types.Unalias(t).(*types.Named); ok && n.Obj().Pkg() != nil {
		return Name{n.Obj().Pkg().Path(), n.Obj().Name()}
	}
	return Name{}
}

// IsA reports whether an expression has the named type, or points to it.
func IsA(info *types.Info, e ast.Expr, pkg, name string) bool {
	t := info.TypeOf(e)
	return t != nil && TypeName(t) == Name{pkg, name}
}

// Path returns the expressions that a call passes as paths of a session.
func Path(info *types.Info, call *ast.CallExpr) []ast.Expr {
	first, all := pathOf(Of(info, call))
	if first < 0 || first >= len(call.Args) || call.Ellipsis.IsValid() && all {
		return nil
	}
	if all {
		return call.Args[first:]
	}
	return call.Args[first : first+1]
}

// pathOf returns which argument of a function is a path, or -1, and whether all arguments from
// there on are paths.
func pathOf(f Func) (first int, all bool) {
	switch {
	case f.Pkg != Session:
	case f.Recv == "":
		switch f.Name {
		case "Get", "Lookup", "Pop", "PopOnce", "Update":
			return 1, false
		case "NewKey":
			return 0, false
		}
	case f.Recv == "Session":
		switch f.Name {
		case "AddFlash", "Append", "Decode", "Flash", "FlashNow", "Has", "Set", "Value":
			return 0, false
		case "Keep", "Remove":
			return 0, true
		}
	}
	return -1, false
}

// writers are the functions and methods of package session that change a session.
var writers = map[Func]bool{}

func init() {
	for recv, names := range map[string]string{
		"":    "Pop PopOnce Update",
		"Key": "Flash Pop PopOnce Remove Set Update",
		"Session": "AddFlash Append Clear Confirm Flash Invalidate Keep Login Reflash Regenerate Remove Set " +
			"SetPersistent SetTimeouts",
	} {
		for name := range strings.FieldsSeq(names) {
			writers[Func{Session, recv, name}] = true
		}
	}
}

// Writes reports whether a function changes what is stored of a session.
func (f Func) Writes() bool { return writers[f] }

// Responds reports whether a call writes to an [http.ResponseWriter], so that the response
// begins.
func Responds(info *types.Info, call *ast.CallExpr) bool {
	f := Of(info, call)
	is := func(i int) bool { return i < len(call.Args) && IsA(info, call.Args[i], "net/http", "ResponseWriter") }
	switch f.Pkg {
	case "net/http":
		switch f.Recv + "." + f.Name {
		case "ResponseWriter.Write":
			return true
		case "ResponseWriter.WriteHeader":
			return len(call.Args) == 1 && !informational(info, call.Args[0])
		case ".Error", ".NotFound", ".Redirect", ".ServeContent", ".ServeFile", ".ServeFileFS":
			return is(0)
		}
	case "fmt":
		return strings.HasPrefix(f.Name, "Fprint") && is(0)
	case "io":
		return (f.Name == "WriteString" || f.Name == "Copy" || f.Name == "CopyN") && is(0)
	case "html/template", "text/template":
		return f.Recv == "Template" && strings.HasPrefix(f.Name, "Execute") && is(0)
	case "encoding/json":
		// The encoder has to be made in the same expression: json.NewEncoder(w).
		if sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr); ok && f.Recv == "Encoder" && f.Name == "Encode" {
			made, ok := ast.Unparen(sel.X).(*ast.CallExpr)
			return ok && len(made.Args) == 1 && IsA(info, made.Args[0], "net/http", "ResponseWriter")
		}
	case Session:
		return f.Recv == "" && f.Name == "Error" && is(0)
	}
	return false
}

// informational reports whether a status is known to be an informational one, which does not
// begin the response.
func informational(info *types.Info, status ast.Expr) bool {
	v := info.Types[status].Value
	if v == nil {
		return false
	}
	n, ok := constant.Int64Val(constant.ToInt(v))
	return ok && n >= 100 && n < 200 && n != 101
}

// Root returns the variable at the root of an expression that can be assigned to: x in x, x.f,
// x[i], *x and (x). It is nil if there is none.
func Root(info *types.Info, e ast.Expr) *types.Var {
	for {
		switch x := e.(type) {
		case *ast.ParenExpr:
			e = x.X
		case *ast.SelectorExpr:
			if v, ok := info.Uses[x.Sel].(*types.Var); ok && !v.IsField() {
				return v // a variable of another package
			}
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.StarExpr:
			e = x.X
		case *ast.Ident:
			v, _ := info.ObjectOf(x).(*types.Var)
			return v
		default:
			return nil
		}
	}
}
