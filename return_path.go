package session

import (
	"net/http"
	"net/url"
	"path"
	"strings"
)

// ReturnParam is the query parameter in which [Manager.RequireLogin] and [Manager.RequireFresh]
// pass the way back to the sign-in page. A form that does not post to its own URL must pass it
// on in a field of that name.
const ReturnParam = "return_to"

// maxReturn limits the length of a way back, because proxies limit that of a URL.
const maxReturn = 2000

// ReturnPath returns where to send the user after a login: the value of [ReturnParam] in the
// query or the form of the request, if it is a path of this site, or else fallback. Anybody can
// send a user a link to the sign-in page with a way back of the sender's choice, so ReturnPath
// accepts none that leads to another site (CWE-601).
//
//	http.Redirect(w, r, session.ReturnPath(r, "/"), http.StatusSeeOther)
//
// A path of this site begins with one slash, is at most 2,000 bytes long, and may have a query
// and a fragment. One that contains a backslash, a space, a control character, or a byte that
// is not ASCII is refused, and so is one with the segment "." or ".." or with two slashes in
// succession: browsers, proxies and [http.Redirect] disagree about what those mean.
func ReturnPath(r *http.Request, fallback string) string {
	if p := r.FormValue(ReturnParam); isLocal(p) {
		return p
	}
	return fallback
}

// isLocal reports whether a text is a path of this site, in a form about which nobody
// disagrees.
func isLocal(text string) bool {
	if len(text) > maxReturn || !strings.HasPrefix(text, "/") {
		return false
	}
	for i := 0; i < len(text); i++ {
		if c := text[i]; c <= ' ' || c >= 0x7f || c == '\\' {
			return false
		}
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || strings.ContainsAny(u.Path, "\\\x00\r\n") {
		return false
	}
	clean := path.Clean(u.Path)
	return u.Path == clean || u.Path == clean+"/"
}

// withReturn adds the way back to the URL of a sign-in page.
func withReturn(page, back string) string {
	if !isLocal(back) {
		return page
	}
	page, fragment, cut := strings.Cut(page, "#")
	separator := "?"
	if strings.Contains(page, "?") {
		separator = "&"
	}
	page += separator + ReturnParam + "=" + url.QueryEscape(back)
	if cut {
		page += "#" + fragment
	}
	return page
}

// wayBack returns the page to which a request should come back, or "". For a GET or HEAD, it is
// the page itself. Anything else may be an act, which must not be repeated; then it is the
// page that the act was on, if that is of this site.
func wayBack(r *http.Request) string {
	switch {
	case r.Header.Get("Hx-Request") == "true":
		return pageOf(r, r.Header.Get("Hx-Current-Url"))
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		return pageOf(r, r.Referer())
	}
	return sentURI(r)
}

// sentURI returns the path and the query that the client has sent, which [http.StripPrefix]
// leaves as they are. To a proxy, clients send the whole URL (RFC 9112, section 3.2.2), and
// servers accept that as well.
func sentURI(r *http.Request) string {
	if strings.HasPrefix(r.RequestURI, "/") {
		return r.RequestURI
	}
	if u, err := url.Parse(r.RequestURI); err == nil && u.Host != "" {
		return u.RequestURI()
	}
	return r.URL.RequestURI() // of a request that no server has read
}

// pageOf returns the path and the query of a URL, if it has the host of the request.
func pageOf(r *http.Request, page string) string {
	u, err := url.Parse(page)
	if err != nil || u.Host == "" || !strings.EqualFold(u.Host, r.Host) {
		return ""
	}
	return u.RequestURI()
}
