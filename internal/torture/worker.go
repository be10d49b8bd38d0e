package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"

	"github.com/expanse-go/session/internal/respawn"
)

// children are the programs that this one can be. They end when stdin does.
var children = map[string]func(context.Context, []byte) error{
	"worker": workerChild,
	"writer": writerChild,
	"locker": lockerChild,
}

// child runs the program as a child if it was started as one.
func child() (code int, is bool) {
	job, args := respawn.Job()
	run := children[job]
	if run == nil {
		return 0, false
	}
	if err := run(context.Background(), args); err != nil {
		fmt.Fprintf(os.Stderr, "torture: %s: %v\n", job, err)
		return 1, true
	}
	return 0, true
}

// A local is a worker in this process.
type local struct{ worker }

func (l local) do(ctx context.Context, e *errand) (account, error) { return l.worker.do(ctx, e), nil }

// A workplace is what a worker in another process needs.
type workplace struct {
	Place place
	Clock string
}

// workerChild makes all errands that come on stdin, at once.
func workerChild(ctx context.Context, args []byte) error {
	var at workplace
	if err := json.Unmarshal(args, &at); err != nil {
		return err
	}
	c, err := openClock(at.Clock)
	if err != nil {
		return err
	}
	store, err := at.Place.open(ctx)
	if err != nil {
		return err
	}
	defer store.close()
	w, err := newWorker(store.Store, c)
	if err != nil {
		return err
	}
	var mu sync.Mutex
	var all sync.WaitGroup
	defer all.Wait()
	out := json.NewEncoder(os.Stdout)
	lines := json.NewDecoder(os.Stdin)
	for {
		e := &errand{}
		if err := lines.Decode(e); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		all.Go(func() {
			a := w.do(ctx, e)
			mu.Lock()
			defer mu.Unlock()
			_ = out.Encode(a) // fails if nobody reads any more, which ends stdin as well
		})
	}
}

// A remote is a worker in another process.
type remote struct {
	cmd *exec.Cmd
	in  io.WriteCloser

	mu      sync.Mutex
	seq     int
	waiting map[int]chan account
	gone    error
}

func newRemote(at workplace) (*remote, error) {
	cmd, in, out, err := respawn.Start("worker", at)
	if err != nil {
		return nil, err
	}
	r := &remote{cmd: cmd, in: in, waiting: map[int]chan account{}}
	go r.read(out)
	return r, nil
}

// read hands out the accounts until the process ends.
func (r *remote) read(out io.Reader) {
	lines := json.NewDecoder(bufio.NewReader(out))
	for {
		var a account
		err := lines.Decode(&a)
		r.mu.Lock()
		if err != nil {
			r.gone = fmt.Errorf("the worker process has ended: %w", err)
			for _, w := range r.waiting {
				close(w)
			}
			r.mu.Unlock()
			return
		}
		r.waiting[a.Seq] <- a
		delete(r.waiting, a.Seq)
		r.mu.Unlock()
	}
}

func (r *remote) do(_ context.Context, e *errand) (account, error) {
	answer := make(chan account, 1)
	r.mu.Lock()
	if r.gone != nil {
		defer r.mu.Unlock()
		return account{}, r.gone
	}
	r.seq++
	e.Seq = r.seq
	r.waiting[e.Seq] = answer
	line, err := json.Marshal(e)
	if err == nil {
		_, err = r.in.Write(append(line, '\n'))
	}
	r.mu.Unlock()
	if err != nil {
		return account{}, err
	}
	a, ok := <-answer
	if !ok {
		return a, r.gone
	}
	return a, nil
}

// closeAll lets the processes end, at the same time.
func closeAll(all []*remote) error {
	var errs []error
	for _, r := range all {
		errs = append(errs, r.in.Close())
	}
	for _, r := range all {
		errs = append(errs, r.cmd.Wait())
	}
	return errors.Join(errs...)
}
