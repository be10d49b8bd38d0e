package stores

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"

	"github.com/expanse-go/session/internal/respawn"
)

// children are the functions of child processes. They prepare, call ready, which returns when
// all children are ready, do their work, and return the result.
var children = map[string]func(args []byte, ready func() error) (any, error){
	"clients": clientsChild,
	"pruner":  prunerChild,
	"writer":  writerChild,
}

// Child runs the function of a child process if the program was started as one.
func Child() (code int, is bool) {
	job, args := respawn.Job()
	run := children[job]
	if run == nil {
		return 0, false
	}
	answers := json.NewEncoder(os.Stdout)
	result, err := run(args, func() error {
		if err := answers.Encode("ready"); err != nil {
			return err
		}
		_, err := bufio.NewReader(os.Stdin).ReadString('\n')
		return err
	})
	if err == nil {
		err = answers.Encode(result)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "bench: %s: %v\n", job, err)
		return 1, true
	}
	return 0, true
}

// A childGroup is a group of child processes that start their work at the same time.
type childGroup []*childProcess

type childProcess struct {
	process *exec.Cmd
	in      io.WriteCloser
	out     *json.Decoder
}

// startChildren starts child processes and waits until they are ready.
func startChildren(n int, kind string, args any) (c childGroup, err error) {
	for range n {
		process, in, out, err := respawn.Start(kind, args)
		if err != nil {
			return c, errors.Join(err, c.close())
		}
		c = append(c, &childProcess{process, in, json.NewDecoder(out)})
	}
	for _, m := range c {
		var ready string
		if err := m.out.Decode(&ready); err != nil {
			return c, errors.Join(err, c.close())
		}
	}
	return c, nil
}

// runChildren makes all children start their work, and returns their results in order.
func runChildren[T any](c childGroup) ([]T, error) {
	results, errs := make([]T, len(c)), make([]error, len(c))
	var wg sync.WaitGroup
	for i, m := range c {
		wg.Go(func() {
			_, err := io.WriteString(m.in, "go\n")
			if err == nil {
				err = m.out.Decode(&results[i])
			}
			errs[i] = err
		})
	}
	wg.Wait()
	return results, errors.Join(append(errs, c.close())...)
}

// close makes all children exit and waits for them.
func (c childGroup) close() error {
	var errs []error
	for _, m := range c {
		errs = append(errs, m.in.Close(), m.process.Wait())
	}
	return errors.Join(errs...)
}
