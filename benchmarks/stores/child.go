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

// children get ready, call their argument, which returns when all are, do their
// work, and return what they have to tell.
var children = map[string]func(args []byte, ready func() error) (any, error){
	"pruner": prunerChild,
	"writer": writerChild,
}

// Child runs the program as a child if it was started as one.
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

// A crew is a number of children that begin at the same time.
type crew []*member

type member struct {
	process *exec.Cmd
	in      io.WriteCloser
	out     *json.Decoder
}

// hire starts children and waits until they are ready.
func hire(n int, kind string, args any) (c crew, err error) {
	for range n {
		process, in, out, err := respawn.Start(kind, args)
		if err != nil {
			return c, errors.Join(err, c.dismiss())
		}
		c = append(c, &member{process, in, json.NewDecoder(out)})
	}
	for _, m := range c {
		var ready string
		if err := m.out.Decode(&ready); err != nil {
			return c, errors.Join(err, c.dismiss())
		}
	}
	return c, nil
}

// work lets all begin, and decodes what each tells into the result of its number.
func work[T any](c crew) ([]T, error) {
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
	return results, errors.Join(append(errs, c.dismiss())...)
}

// dismiss waits for all to end, which they do when their input does.
func (c crew) dismiss() error {
	var errs []error
	for _, m := range c {
		errs = append(errs, m.in.Close(), m.process.Wait())
	}
	return errors.Join(errs...)
}
