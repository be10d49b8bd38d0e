package impureupdate

import (
	"fmt"
	"go/ast"
	"go/types"
	"strings"

	"golang.org/x/tools/go/types/typeutil"

	"github.com/expanse-go/session/sessionvet/internal/calls"
)

// names are the functions and methods with an effect, by package, where only some of a package
// have one. A method begins with the name of its type.
var names = map[string]string{
	"fmt": "Print Printf Println Scan Scanf Scanln",
	"log/slog": "Debug DebugContext Error ErrorContext Info InfoContext Log LogAttrs Warn WarnContext " +
		"Logger.Debug Logger.DebugContext Logger.Error Logger.ErrorContext Logger.Info Logger.InfoContext " +
		"Logger.Log Logger.LogAttrs Logger.Warn Logger.WarnContext",
	"net/http": "Error Get Head NotFound Post PostForm Redirect ServeContent ServeFile SetCookie " +
		"Client.Do Client.Get Client.Head Client.Post Client.PostForm ResponseWriter.Write ResponseWriter.WriteHeader",
	"time": "After AfterFunc NewTicker NewTimer Now Since Sleep Tick Until",
}

// pure are the functions without an effect, by package, where all others of the package have
// one.
var pure = map[string]string{
	"os":           "Expand ExpandEnv Getenv IsExist IsNotExist IsPermission IsTimeout LookupEnv",
	"log":          "Default Logger.Flags Logger.Prefix Logger.Writer New",
	"math/rand":    "New NewSource NewZipf",
	"math/rand/v2": "New NewChaCha8 NewPCG NewZipf",
	"crypto/rand":  "",
}

// databases are the types of database/sql whose methods do I/O.
var databases = "Conn DB Row Rows Stmt Tx"

// effect says what a call does besides computing a value, or "".
func effect(info *types.Info, call *ast.CallExpr, outside func(ast.Expr) *types.Var) string {
	f := calls.Of(info, call)
	if f.Pkg == "" {
		return ""
	}
	name := f.Name
	if f.Recv != "" {
		name = f.Recv + "." + f.Name
	}
	shown := typeutil.Callee(info, call).Pkg().Name() + "." + name
	if f.Pkg == calls.Session {
		if f.Recv == "Session" || f.Recv == "Manager" || takesSession(info, call) {
			return fmt.Sprintf("calls %s, which uses a session", shown)
		}
		return ""
	}
	has := func(list, name string) bool { return strings.Contains(" "+list+" ", " "+name+" ") }
	effective := has(names[f.Pkg], name)
	if list, ok := pure[f.Pkg]; ok {
		effective = !has(list, name) && !(f.Pkg == "os" && f.Recv != "" && f.Recv != "File" && f.Recv != "Root")
	}
	switch {
	case f.Pkg == "database/sql":
		effective = has(databases, f.Recv) || f.Recv == "" && strings.HasPrefix(f.Name, "Open")
	case f.Pkg == "fmt" && strings.HasPrefix(f.Name, "Fprint"):
		effective = len(call.Args) > 0 && writesOutside(call.Args[0], outside)
	case f.Pkg == "math/rand" || f.Pkg == "math/rand/v2":
		// A generator that the function seeds itself returns the same values each time.
		sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr)
		effective = effective && (f.Recv == "" || ok && outside(sel.X) != nil)
	}
	if !effective {
		return ""
	}
	return fmt.Sprintf("calls %s", shown)
}

// writesOutside reports whether a writer comes from outside of the function.
func writesOutside(w ast.Expr, outside func(ast.Expr) *types.Var) bool {
	if u, ok := ast.Unparen(w).(*ast.UnaryExpr); ok {
		w = u.X
	}
	return outside(w) != nil
}

// takesSession reports whether a call of a function or of a Key has a parameter for a session.
func takesSession(info *types.Info, call *ast.CallExpr) bool {
	f, ok := typeutil.Callee(info, call).(*types.Func)
	if !ok {
		return false
	}
	for v := range f.Signature().Params().Variables() {
		if calls.TypeName(v.Type()) == (calls.Name{Pkg: calls.Session, Name: "Session"}) {
			return true
		}
	}
	return false
}
