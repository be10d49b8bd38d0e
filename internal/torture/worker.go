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

	"github.com/expanse-go/session/internal/natstest"
	"github.com/expanse-go/session/internal/respawn"
)

// children are the functions of child processes. They return when stdin is closed.
var children = map[string]func(context.Context, []byte) error{
	"worker": workerChild,
	"writer": writerChild,
	"locker": lockerChild,

	natstest.Job: func(_ context.Context, args []byte) error { return natstest.Serve(args) },
}

// runChild runs the function of a child process if the program was started as one.
func runChild() (code int, is bool) {
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

func (w localWorker) do(ctx context.Context, t *task) (result, error) { return w.execute(ctx, t), nil }

// A workerConfig configures a worker process.
type workerConfig struct {
	Location location
	Clock    string
}

// workerChild executes the tasks that it reads from stdin, concurrently.
func workerChild(ctx context.Context, args []byte) error {
	var cfg workerConfig
	if err := json.Unmarshal(args, &cfg); err != nil {
		return err
	}
	c, err := openClock(cfg.Clock)
	if err != nil {
		return err
	}
	store, err := cfg.Location.open(ctx)
	if err != nil {
		return err
	}
	defer store.close()
	w, err := newLocalWorker(store.Store, c)
	if err != nil {
		return err
	}
	var mu sync.Mutex
	var all sync.WaitGroup
	defer all.Wait()
	out := json.NewEncoder(os.Stdout)
	lines := json.NewDecoder(os.Stdin)
	for {
		t := &task{}
		if err := lines.Decode(t); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		all.Go(func() {
			res := w.execute(ctx, t)
			mu.Lock()
			defer mu.Unlock()
			_ = out.Encode(res) // fails if the parent process has exited, which also closes stdin
		})
	}
}

// A remoteWorker is a worker in another process.
type remoteWorker struct {
	cmd *exec.Cmd
	in  io.WriteCloser

	mu      sync.Mutex
	seq     int
	waiting map[int]chan result
	gone    error
}

func newRemoteWorker(cfg workerConfig) (*remoteWorker, error) {
	cmd, in, out, err := respawn.Start("worker", cfg)
	if err != nil {
		return nil, err
	}
	r := &remoteWorker{cmd: cmd, in: in, waiting: map[int]chan result{}}
	go r.read(out)
	return r, nil
}

// read delivers the results until the process exits.
func (r *remoteWorker) read(out io.Reader) {
	lines := json.NewDecoder(bufio.NewReader(out))
	for {
		var res result
		err := lines.Decode(&res)
		r.mu.Lock()
		if err != nil {
			r.gone = fmt.Errorf("the worker process has exited: %w", err)
			for _, w := range r.waiting {
				close(w)
			}
			r.mu.Unlock()
			return
		}
		r.waiting[res.Seq] <- res
		delete(r.waiting, res.Seq)
		r.mu.Unlock()
	}
}

func (r *remoteWorker) do(_ context.Context, t *task) (result, error) {
	response := make(chan result, 1)
	r.mu.Lock()
	if r.gone != nil {
		defer r.mu.Unlock()
		return result{}, r.gone
	}
	r.seq++
	t.Seq = r.seq
	r.waiting[t.Seq] = response
	line, err := json.Marshal(t)
	if err == nil {
		_, err = r.in.Write(append(line, '\n'))
	}
	r.mu.Unlock()
	if err != nil {
		return result{}, err
	}
	res, ok := <-response
	if !ok {
		return res, r.gone
	}
	return res, nil
}

// closeAll makes all processes exit and waits for them.
func closeAll(all []*remoteWorker) error {
	var errs []error
	for _, r := range all {
		errs = append(errs, r.in.Close())
	}
	for _, r := range all {
		errs = append(errs, r.cmd.Wait())
	}
	return errors.Join(errs...)
}
