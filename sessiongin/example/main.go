// Command example is a shop with a login, made with Gin and sessiongin. The password of
// every user is "demo":
//
//	go run ./sessiongin/example
package main

import (
	"log"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/memstore"
)

func main() {
	manager, err := session.New(memstore.New(memstore.Config{}), session.Config{
		Cookie: session.CookieConfig{DangerouslyAllowHTTP: true}, // on this machine only; see the address below
	})
	if err != nil {
		log.Fatal(err)
	}
	log.Print("listening on http://localhost:8080/")
	log.Fatal(newShop(manager).Run("localhost:8080"))
}
