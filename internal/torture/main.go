package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	if code, is := runChild(); is {
		os.Exit(code)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if errors.Is(err, flag.ErrHelp) {
		os.Exit(2)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "torture:", err)
		os.Exit(1)
	}
}

type options struct {
	seed     uint64
	stores   string
	rounds   int
	kills    int
	each     time.Duration
	duration time.Duration
	only     string
}

func run(ctx context.Context, args []string, out io.Writer) error {
	var o options
	f := flag.NewFlagSet("torture", flag.ContinueOnError)
	f.Uint64Var(&o.seed, "seed", rand.Uint64N(1e6), "seed of the random choices")
	f.StringVar(&o.stores, "stores", strings.Join(kinds, ","), "comma-separated `list` of stores")
	f.IntVar(&o.rounds, "rounds", 150, "number of rounds of the model check, for each store")
	f.IntVar(&o.kills, "kills", 100, "number of kills of the crash test, for each store")
	f.DurationVar(&o.each, "each", 3*time.Second, "how long each fault lasts")
	f.DurationVar(&o.duration, "d", time.Minute, "how long soak lasts, for each store")
	f.StringVar(&o.only, "only", "", "run only the mutants, faults and failovers whose names contain this `text`")
	f.Usage = func() {
		fmt.Fprintln(f.Output(), "usage: go run ./internal/torture all|model|overlaps|mutants|interleavings|crash|faults|failovers|deploys|soak [flags]")
		f.PrintDefaults()
	}
	if len(args) == 0 {
		f.Usage()
		return flag.ErrHelp
	}
	if err := f.Parse(args[1:]); err != nil {
		return err
	}
	dir, done, err := tempDir()
	if err != nil {
		return err
	}
	defer done()
	return o.command(ctx, args[0], dir, out)
}

// command runs one experiment, or all of them, on each store. It continues after a
// failure and reports all failures together.
func (o *options) command(ctx context.Context, name, dir string, out io.Writer) error {
	experiments := map[string]func(*trial, context.Context) error{
		"model": (*trial).model, "overlaps": (*trial).overlaps, "interleavings": (*trial).interleavings, "crash": (*trial).crash, "faults": (*trial).faults, "failovers": (*trial).failovers,
		"soak": func(t *trial, ctx context.Context) error { return t.soak(ctx, o.duration) },
	}
	names := []string{name}
	if name == "all" {
		names = []string{"mutants", "model", "overlaps", "interleavings", "crash", "faults", "failovers", "deploys"}
	}
	start, done := time.Now(), &totals{}
	var errs []error
	for _, name := range names {
		if name == "mutants" {
			errs = append(errs, runMutants(ctx, o.only, dir, out, done))
			continue
		}
		if name == "deploys" {
			errs = append(errs, runDeploys(ctx, out))
			continue
		}
		if experiments[name] == nil {
			return fmt.Errorf("unknown command %q", name)
		}
		for kind := range strings.SplitSeq(o.stores, ",") {
			if !slices.Contains(kinds, kind) {
				return fmt.Errorf("unknown store %q; want one or more of %s", kind, strings.Join(kinds, ", "))
			}
			if err := available(kind); err != nil {
				fmt.Fprintf(out, "%-7s %-8s skipped: %v\n", name, kind, err)
				continue
			}
			t := &trial{kind: kind, dir: dir, seed: o.seed, out: out, totals: done, rounds: o.rounds, kills: o.kills, each: o.each, processes: 3, only: o.only}
			errs = append(errs, experiments[name](t, ctx))
			if ctx.Err() != nil {
				return ctx.Err()
			}
		}
	}
	if name == "all" {
		fmt.Fprintf(out, "torture: %v\n", done)
	}
	fmt.Fprintf(out, "torture: %s took %v, seed %d\n", name, time.Since(start).Round(time.Second), o.seed)
	return errors.Join(errs...)
}
