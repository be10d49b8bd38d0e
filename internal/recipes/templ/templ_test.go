package templ_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/internal/recipes/recipetest"
	"github.com/expanse-go/session/internal/recipes/templ"
)

func TestRoutes(t *testing.T) {
	t.Parallel()
	m := recipetest.NewManager(t, session.Config{})
	c := recipetest.NewClient(t, templ.Routes(m.Manager))
	const message = `<p role="status">Saved.</p>`
	if res := c.Get("/profile"); strings.Contains(res.Text, message) || len(res.Cookies()) > 0 {
		t.Errorf("a new visitor got %q and the cookies %v", res.Text, res.Cookies())
	}
	res := c.Submit("/profile", url.Values{"name": {`Ada "Countess" <b>`}})
	if !strings.Contains(res.Text, message) || !strings.Contains(res.Text, `value="Ada &#34;Countess&#34; &lt;b&gt;"`) {
		t.Errorf("after the form: %s", res.Text)
	}
	if res := c.Get("/profile"); strings.Contains(res.Text, message) || res.Header.Get("Vary") != "Cookie" {
		t.Errorf("the next page, with Vary %q: %s", res.Header.Get("Vary"), res.Text)
	}
}
