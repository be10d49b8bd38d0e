package rawpath

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"strconv"

	"github.com/expanse-go/session"
)

const base = "shop"

type item struct {
	Name string
	Path string
}

func bad(r *http.Request, s *session.Session, name string, it item) {
	s.Set("cart."+name, 1)                           // want `name is part of a path as it is: a dot in it would address another value; make the path with session.Join, which escapes dots`
	s.Set(base+"."+it.Name+".count", 1)              // want `it.Name is part of a path`
	s.Set("cart."+r.FormValue("item"), 1)            // want `r.FormValue\("item"\) is part of a path`
	_ = session.Get(s, fmt.Sprintf("v.%s", name), 0) // want `name is part of a path`
	_ = session.Get(s, r.PathValue("key"), 0)        // want `r.PathValue\("key"\) is part`
	s.Remove("a", "b."+name)                         // want `name is part`
	_ = session.NewKey[int]("views." + name)         // want `name is part`
	id := r.URL.Query().Get("id")
	s.Append("seen."+id, 1)                        // want `id is part`
	s.Has(r.FormValue("a") + ".x")                 // want `is part`
	s.Has(fmt.Sprintf("%s.%s", name, it.Name))     // want `it.Name is part`
	s.Has("seen." + r.URL.Query().Get("id"))       // want `is part`
	session.Update(s, fmt.Sprint("n.", name), add) // want `name is part`
	color := "red"
	color = name
	s.Set("color."+color, 1) // want `color is part`
	for _, n := range []string{"a", name} {
		s.Set("list."+n, 1) // want `n is part`
	}
	s.Set("n."+strconv.Quote(name), 1) // want `is part`
}

func good(r *http.Request, s *session.Session, key session.Key[int], path, prefix, name string, n int, it item) {
	s.Set(session.Join("cart", name), 1)
	s.Set("cart."+session.Join(name), 1)
	s.Set(base+".count", 1)
	s.Set("list."+strconv.Itoa(n), 1)
	s.Set(fmt.Sprintf("list.%d", n), 1)
	s.Set(fmt.Sprintf("%s.%d", key, n), 1)
	s.Set(key.String()+".x", 1)
	s.Set(path+".x", 1)
	s.Set(prefix+".x", 1)
	s.Set(it.Path+".x", 1)
	s.Set(name+".x", 1) // the caller says where
	s.Set(fmt.Sprintf("%s.x", name), 1)
	s.Set(name, 1) // not known to be more than a path
	s.Set("a", "cart."+name)
	color := "red"
	if n > 3 {
		color = "blue"
	}
	s.Set("color."+color, 1)
	for _, field := range []string{"name", "mail"} {
		s.Set("form."+field, r.FormValue(field))
	}
	for field, label := range map[string]string{"name": "Name"} {
		s.Set("form."+field, label)
	}
	for i := range 3 {
		s.Set(fmt.Sprint("list.", i), 1)
	}
	for k := range s.Keys() {
		_ = session.Get(s, k+".x", 0)
	}
	id := rand.Text()
	s.Set("orders."+id, 1)
	joined := session.Join("cart", name)
	s.Remove(joined + ".x")
	cartPath := func(string) string { return "" }
	_ = cartPath
	s.Set(userPath(name)+".x", 1)
	w := http.Header{}
	w.Set("X-"+name, "1")
}

func userPath(name string) string { return session.Join("user", name) }

func add(n int) int { return n + 1 }
