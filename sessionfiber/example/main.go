// Command example is a shop with a login, made with Fiber and sessionfiber. The password of
// every user is "demo":
//
//	go run ./sessionfiber/example
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
	log.Fatal(newShop(manager).Listen("localhost:8080"))
}
