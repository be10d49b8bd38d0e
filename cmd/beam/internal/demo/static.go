package demo

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"mime"
	"net/http"
	"path"
	"strings"
	"time"
)

//go:embed static
var staticFiles embed.FS

// An asset is a static file. Its URL contains a digest of its content, so that browsers can
// cache it indefinitely.
type asset struct {
	name string // in the embedded folder
	etag string
	kind string
	body []byte
}

// loadStatic returns the static files, by the name in their URL.
func loadStatic() map[string]asset {
	entries, err := staticFiles.ReadDir("static")
	if err != nil {
		panic(err) // cannot fail: the files are embedded
	}
	files := map[string]asset{}
	for _, e := range entries {
		body, err := staticFiles.ReadFile(path.Join("static", e.Name()))
		if err != nil {
			panic(err)
		}
		sum := sha256.Sum256(body)
		digest := hex.EncodeToString(sum[:8])
		ext := path.Ext(e.Name())
		served := strings.TrimSuffix(e.Name(), ext) + "." + digest + ext
		files[served] = asset{name: e.Name(), etag: `"` + digest + `"`, kind: mime.TypeByExtension(ext), body: body}
	}
	return files
}

// staticPath returns the URL path of an embedded file, for templates.
func (a *app) staticPath(name string) string {
	for served, f := range a.static {
		if f.name == name {
			return "/static/" + served
		}
	}
	panic("demo: no static file " + name)
}

func (a *app) serveStatic(w http.ResponseWriter, r *http.Request) {
	f, ok := a.static[r.PathValue("name")]
	if !ok {
		a.fail(w, http.StatusNotFound, "There is no file at this address.")
		return
	}
	h := w.Header()
	h.Set("Content-Type", f.kind)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("ETag", f.etag)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(f.body))
}
