package main

import (
	_ "embed"
	"html/template"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/sessiongin"
)

//go:embed page.html
var page string

var items = session.NewKey[int]("cart.items")

// newShop returns the application.
func newShop(manager *session.Manager) *gin.Engine {
	r := gin.New()
	r.SetHTMLTemplate(template.Must(template.New("page").Parse(page)))
	r.Use(gin.Recovery(), sessiongin.Middleware(manager))
	r.GET("/", show)
	r.POST("/login", login)
	r.POST("/cart", add)
	r.POST("/logout", logout)
	return r
}

func show(c *gin.Context) {
	s, err := sessiongin.From(c)
	if err != nil {
		sessiongin.Error(c, err)
		return
	}
	c.HTML(http.StatusOK, "page", gin.H{"Session": s})
}

func login(c *gin.Context) {
	s, err := sessiongin.From(c)
	if err != nil {
		sessiongin.Error(c, err)
		return
	}
	if name := c.PostForm("name"); name == "" || c.PostForm("password") != "demo" { // a real shop compares a hash
		s.Flash("status", "The name or the password is wrong.")
	} else {
		s.Login(name)
		s.Flash("status", "Welcome, "+name+".")
	}
	c.Redirect(http.StatusSeeOther, "/")
}

func add(c *gin.Context) {
	s, err := sessiongin.From(c)
	if err != nil {
		sessiongin.Error(c, err)
		return
	}
	items.Update(s, func(n int) int { return n + 1 })
	s.Flash("status", "Added.")
	c.Redirect(http.StatusSeeOther, "/")
}

func logout(c *gin.Context) {
	s, err := sessiongin.From(c)
	if err != nil {
		sessiongin.Error(c, err)
		return
	}
	s.Invalidate()
	s.Flash("status", "Signed out.")
	c.Redirect(http.StatusSeeOther, "/")
}
