package guides

import (
	"net/http"
	"strconv"
	"time"

	"github.com/gin-contrib/sessions"
	"github.com/gin-gonic/gin"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/sessionmigrate"
)

// OldGin is an application on gin-contrib/sessions.
func OldGin(store sessions.Store) http.Handler {
	router := gin.New()
	router.Use(sessions.Sessions("app", store))
	router.POST("/login", func(c *gin.Context) {
		id, err := authenticate(c.Request)
		if err != nil {
			c.String(http.StatusForbidden, err.Error())
			return
		}
		s := sessions.Default(c)
		s.Set("user_id", id)
		if err := s.Save(); err != nil {
			c.String(http.StatusInternalServerError, err.Error())
		}
	})
	router.GET("/", func(c *gin.Context) {
		id, _ := sessions.Default(c).Get("user_id").(int)
		c.String(http.StatusOK, "user %d", id)
	})
	return router
}

// NewGin is the same application, which takes over the sessions of gin-contrib/sessions.
func NewGin(store session.Store, old sessionmigrate.Source, deployed time.Time) (http.Handler, error) {
	migration, err := sessionmigrate.New(store, old, sessionmigrate.Config{
		Until: deployed.Add(30 * 24 * time.Hour), // Options.MaxAge of the old store
		Owner: sessionmigrate.OwnerKey("user_id"),
	})
	if err != nil {
		return nil, err
	}
	manager, err := session.New(store, session.Config{TakeOver: migration.TakeOver})
	if err != nil {
		return nil, err
	}

	router := gin.New()
	router.POST("/login", func(c *gin.Context) {
		id, err := authenticate(c.Request)
		if err != nil {
			c.String(http.StatusForbidden, err.Error())
			return
		}
		s, err := session.From(c.Request.Context())
		if err != nil {
			session.Error(c.Writer, c.Request, err)
			return
		}
		s.Login(strconv.Itoa(id))
	})
	router.GET("/", func(c *gin.Context) {
		s, err := session.From(c.Request.Context())
		if err != nil {
			session.Error(c.Writer, c.Request, err)
			return
		}
		c.String(http.StatusOK, "user %s", s.Owner())
	})
	return manager.Handler(router), nil
}
