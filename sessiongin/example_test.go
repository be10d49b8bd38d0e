package sessiongin_test

import (
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/memstore"
	"github.com/expanse-go/session/sessiongin"
)

func newManager() *session.Manager {
	manager, err := session.New(memstore.New(memstore.Config{}), session.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		panic(err)
	}
	return manager
}

// browse sends requests with the cookies of one browser, and prints the responses.
func browse(h http.Handler, requests ...string) {
	cookies := make(map[string]*http.Cookie)
	for _, request := range requests {
		method, target, _ := strings.Cut(request, " ")
		r := httptest.NewRequest(method, "https://example.com"+target, nil)
		for _, c := range cookies {
			r.AddCookie(c)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		for _, c := range w.Result().Cookies() {
			cookies[c.Name] = c
		}
		fmt.Println(strings.Join(strings.Fields(fmt.Sprint(request, ": ", w.Code, " ", w.Header().Get("Location"), w.Body)), " "))
	}
}

// A form handler stores a value, leaves a message for the next page, and redirects to it.
func Example() {
	manager := newManager()
	r := gin.New()
	r.Use(gin.Recovery(), sessiongin.Middleware(manager))

	r.POST("/profile", func(c *gin.Context) {
		s, err := sessiongin.From(c)
		if err != nil {
			sessiongin.Error(c, err)
			return
		}
		s.Set("user.name", c.Query("name"))
		s.Flash("status", "Saved.")
		c.Redirect(http.StatusSeeOther, "/profile")
	})

	r.SetHTMLTemplate(template.Must(template.New("profile").Parse(
		`{{with .Session.Value "status"}}{{.}} {{end}}Hello {{.Session.Value "user.name"}}!`)))
	r.GET("/profile", func(c *gin.Context) {
		s, err := sessiongin.From(c)
		if err != nil {
			sessiongin.Error(c, err)
			return
		}
		c.HTML(http.StatusOK, "profile", gin.H{"Session": s})
	})

	browse(r, "POST /profile?name=Ada", "GET /profile", "GET /profile")
	// Output:
	// POST /profile?name=Ada: 303 /profile
	// GET /profile: 200 Saved. Hello Ada!
	// GET /profile: 200 Hello Ada!
}

// A skipper leaves requests without a session, and an error handler responds to the errors of
// sessions in its own way.
func ExampleMiddlewareWithConfig() {
	manager := newManager()
	r := gin.New()
	r.Use(sessiongin.MiddlewareWithConfig(manager, sessiongin.Config{
		Skipper: func(c *gin.Context) bool { return strings.HasPrefix(c.Request.URL.Path, "/static/") },
		ErrorHandler: func(c *gin.Context, err error) {
			_, advice := session.ErrorStatus(err)
			c.JSON(-1, gin.H{"error": advice}) // with the status of the error
		},
	}))
	r.GET("/static/logo", func(c *gin.Context) {
		_, err := sessiongin.From(c)
		fmt.Println(err != nil)
		c.String(http.StatusOK, "logo")
	})
	r.POST("/order", func(c *gin.Context) {
		s, err := sessiongin.From(c)
		if err != nil {
			sessiongin.Error(c, err)
			return
		}
		s.Set("order", 1)
		_ = manager.Close(c.Request.Context()) // so that the commit fails
		c.String(http.StatusOK, "ordered")
	})

	browse(r, "GET /static/logo", "POST /order")
	// Output:
	// true
	// GET /static/logo: 200 logo
	// POST /order: 503 {"error":"Your changes may not have been saved. Check before you try again."}
}

// A handler that fails drops what it has changed, and responds with the error handler.
func ExampleError() {
	manager := newManager()
	r := gin.New()
	r.Use(sessiongin.Middleware(manager))
	r.POST("/order", func(c *gin.Context) {
		s, err := sessiongin.From(c)
		if err != nil {
			sessiongin.Error(c, err)
			return
		}
		s.Set("order", 1)
		if err := pay(); err != nil {
			sessiongin.Error(c, err)
			return
		}
		c.String(http.StatusOK, "ordered")
	})
	r.GET("/order", func(c *gin.Context) {
		s, err := sessiongin.From(c)
		if err != nil {
			sessiongin.Error(c, err)
			return
		}
		c.String(http.StatusOK, "%v", s.Has("order"))
	})

	browse(r, "POST /order", "GET /order")
	// Output:
	// POST /order: 500 Internal Server Error. Nothing was saved.
	// GET /order: 200 false
}

func pay() error { return fmt.Errorf("the bank is closed") }
