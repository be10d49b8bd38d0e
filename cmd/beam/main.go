// Command beam looks after the sessions of an application: it writes the
// configuration and the migration, runs it, lists and revokes sessions, checks a
// live store, shows the library at work in a demo, and counts what any web
// application loses when requests of one session overlap.
//
//	beam demo            # serve the demo on http://localhost:8000
//	beam init            # start an application in an empty folder
//	beam db migrate      # create the table that the database store asks for
//	beam session list    # who is signed in
//	beam race URL        # how many of 50 writes at once are kept
//
// Run beam help for the rest.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/expanse-go/session/cmd/beam/internal/cli"
)

func main() {
	os.Exit(run())
}

// run is apart from main because os.Exit runs no deferred function.
func run() int {
	// The first signal asks the command to end; stop then gives the default back,
	// so that a second one kills.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)

	dir, err := os.Getwd()
	if err != nil {
		fmt.Fprintf(os.Stderr, "beam: cannot tell the current folder: %v\n", err)
		return cli.ExitFailed
	}
	return cli.Run(ctx, os.Args, os.Stdin, os.Stdout, os.Stderr, os.Environ(), dir)
}
