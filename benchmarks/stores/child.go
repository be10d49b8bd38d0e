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
)

// childEnv makes the program a child: its value is what to be, and childArgs what it
// needs for it, as JSON.
const (
	childEnv  = "SESSION_BENCH_CHILD"
	childArgs = "SESSION_BENCH_ARGS"
)

// children get ready, call their argument, which returns when all are, do their
// work, and return what they have to tell.
var children = map[string]func(args []byte, ready func() error) (any, error){
	"pruner": prunerChild,
	"writer": writerChild,
}

// Child runs the program as a child if it was started as one.
func Child() (code int, is bool) {
	run := children[os.Getenv(childEnv)]
	if run == nil {
		return 0, false
	}
	answers := json.NewEncoder(os.Stdout)
	result, err := run([]byte(os.Getenv(childArgs)), func() error {
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
		fmt.Fprintf(os.Stderr, "bench: %s: %v\n", os.Getenv(childEnv), err)
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
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(args)
	if err != nil {
		return nil, err
	}
	for range n {
		m := &member{process: exec.Command(program)}
		m.process.Env = append(os.Environ(), childEnv+"="+kind, childArgs+"="+string(text))
		m.process.Stderr = os.Stderr
		in, err1 := m.process.StdinPipe()
		out, err2 := m.process.StdoutPipe()
		if err := errors.Join(err1, err2); err != nil {
			return c, errors.Join(err, c.dismiss())
		}
		m.in, m.out = in, json.NewDecoder(out)
		if err := m.process.Start(); err != nil {
			return c, errors.Join(err, c.dismiss())
		}
		c = append(c, m)
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
