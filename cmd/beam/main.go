// Command beam manages the sessions of an application. It generates the configuration,
// writes and runs migrations, lists and revokes sessions, checks a live store, serves a
// demo of the library, and measures how many writes any web application loses when
// requests of one session overlap.
//
//	beam demo            # serve the demo on http://localhost:8000
//	beam init            # create an application in an empty folder
//	beam db migrate      # create the table for the database store
//	beam session list    # list the live sessions
//	beam race URL        # count how many of 50 concurrent writes are kept
//
// Run beam help for all commands.
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

// run is separate from main because os.Exit skips deferred functions.
func run() int {
	// The first signal cancels the context. stop then restores the default behavior,
	// so that a second signal kills the process.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)

	dir, err := os.Getwd()
	if err != nil {
		fmt.Fprintf(os.Stderr, "beam: cannot determine the current folder: %v\n", err)
		return cli.ExitFailed
	}
	return cli.Run(ctx, os.Args, os.Stdin, os.Stdout, os.Stderr, os.Environ(), dir)
}
