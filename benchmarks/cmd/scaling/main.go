// Command scaling computes, from the measured constants in benchmarks/results.json, what the
// sessions of an application take of each store:
//
//	go run ./benchmarks/cmd/scaling -sessions 50000000 -active 0.05 -writes 0.3
//
// docs/scaling.md explains the model and the columns.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	bench "github.com/expanse-go/session/benchmarks"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "scaling:", err)
		os.Exit(1)
	}
}

func run(args []string, stdout io.Writer) error {
	t, n := bench.Ordinary, bench.Usual16
	flags := flag.NewFlagSet("scaling", flag.ContinueOnError)
	results := flags.String("results", "benchmarks/results.json", "the `file` with the constants")
	flags.IntVar(&t.Sessions, "sessions", t.Sessions, "number of sessions stored")
	flags.Float64Var(&t.Active, "active", t.Active, "share of the sessions in use at a time")
	flags.DurationVar(&t.Every, "every", t.Every, "time between two requests of a session in use")
	flags.Float64Var(&t.Writes, "writes", t.Writes, "share of the requests that set a key")
	flags.DurationVar(&t.Touch, "touch", t.Touch, "Config.TouchEvery")
	flags.DurationVar(&t.Lifetime, "lifetime", t.Lifetime, "time after which a session is replaced by a new one")
	flags.Float64Var(&n.Cores, "cores", n.Cores, "cores of a machine")
	flags.Float64Var(&n.Memory, "memory", n.Memory, "bytes of its memory")
	flags.Float64Var(&n.Disk, "disk", n.Disk, "bytes of its disk")
	flags.Float64Var(&n.Log, "log", n.Log, "bytes of log a second that its disk can sync")
	flags.Float64Var(&n.Network, "network", n.Network, "bytes a second on its network")
	flags.Float64Var(&n.Use, "use", n.Use, "share of a machine to plan with")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if t.Sessions < 1 || t.Active < 0 || t.Active > 1 || t.Writes < 0 || t.Writes > 1 || t.Every <= 0 || t.Touch <= 0 || t.Lifetime <= 0 ||
		n.Cores <= 0 || n.Memory <= 0 || n.Disk <= 0 || n.Log <= 0 || n.Network <= 0 || n.Use <= 0 || n.Use > 1 {
		return errors.New("shares must be from 0 to 1, and everything else positive")
	}
	r, err := bench.ReadResults(*results)
	if err != nil {
		return err
	}
	if footprints, _ := r.Modeled(); len(footprints) == 0 {
		return fmt.Errorf("%s has no constants; run this in the root of the repository, or measure them with make bench PARTS=footprint", *results)
	}
	_, err = io.WriteString(stdout, r.PlanTable(t, n))
	return err
}
