// Package respawn starts the running program again, as a child that does another job:
// for experiments that need several processes, and one program to ship.
package respawn

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
)

const (
	jobEnv  = "SESSION_CHILD_JOB"
	argsEnv = "SESSION_CHILD_ARGS"
)

// Job returns what the program was started for, and the arguments as JSON; "" if it is
// no child. Ask first thing in main, and in TestMain.
func Job() (job string, args []byte) {
	return os.Getenv(jobEnv), []byte(os.Getenv(argsEnv))
}

// Start starts the program as a child, and returns its input and output. What it writes
// to stderr goes to this one's. A child should end when its input does, so that it does
// not outlive its parent.
func Start(job string, args any) (*exec.Cmd, io.WriteCloser, io.Reader, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, nil, nil, err
	}
	text, err := json.Marshal(args)
	if err != nil {
		return nil, nil, nil, err
	}
	c := exec.Command(program)
	c.Env = append(os.Environ(), jobEnv+"="+job, argsEnv+"="+string(text))
	c.Stderr = os.Stderr
	in, err1 := c.StdinPipe()
	out, err2 := c.StdoutPipe()
	if err := errors.Join(err1, err2); err != nil {
		return nil, nil, nil, err
	}
	if err := c.Start(); err != nil {
		return nil, nil, nil, err
	}
	return c, in, out, nil
}
