/*
Package sessionform helps with HTML forms. It keeps the input and the error messages of a refused
form for the page that shows the form again. It also provides tokens with which a form is acted
upon once, however often it is submitted.

	func save(w http.ResponseWriter, r *http.Request, s *session.Session) { // POST /signup
		if errs := check(r.PostForm); len(errs) > 0 {
			sessionform.Flash(s, "signup", r.PostForm, errs, "name", "email")
			http.Redirect(w, r, "/signup", http.StatusSeeOther)
			return
		}
		…
	}

In a template with [Funcs]:

	<input name="email" value="{{old .Session "signup" "email"}}">
	{{with formError .Session "signup" "email"}}<p>{{.}}</p>{{end}}

The package keeps its data in the session below the path "sessionform". Each form has a name,
which the program chooses. The functions are safe for concurrent use.
*/
package sessionform
