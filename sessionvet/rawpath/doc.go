// Package rawpath reports paths that are made of text whose dots are not escaped:
//
//	s.Set("cart."+r.FormValue("item"), n)
//	session.Get(s, fmt.Sprintf("views.%s", article), 0)
//
// A dot separates the segments of a path. So a visitor who chooses a part of it can reach
// another value, such as "cart.total.paid", and text like "v1.2" or "" addresses a value that is
// not meant or makes the path invalid. session.Join escapes dots:
//
//	s.Set(session.Join("cart", r.FormValue("item")), n)
//
// It reports concatenations and fmt.Sprint, Sprintf and Sprintln with a text that is not
// constant, and values of a request (FormValue, PostFormValue, PathValue, url.Values.Get,
// http.Header.Get) that are a path by themselves. It leaves alone numbers, results of
// session.Join, Key.String, Session.Keys, Session.FlashPaths, strconv.Itoa, strconv.Format and
// crypto/rand.Text, variables that only ever get such values or constants, text at the very
// beginning, and names that contain "path" or "prefix", because these are paths already. Like
// all analyzers here, it leaves test files alone.
package rawpath
