// Package respawn starts the running program again as a child process with another job. It
// is for tests and benchmarks that need several processes but consist of one program.
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

// Job returns the job of this process and its arguments as JSON. The job is "" if the
// process is not a child. Call Job at the beginning of main, or of TestMain.
func Job() (job string, args []byte) {
	return os.Getenv(jobEnv), []byte(os.Getenv(argsEnv))
}

// Program is what Start starts; "" is the running program. Set it before the first Start, to
// the result of [Plain].
var Program string

// Start starts the program as a child process, and returns its standard input and output.
// Its standard error is that of the parent. A child should exit at the end of its input, so
// that it does not outlive its parent.
func Start(job string, args any) (*exec.Cmd, io.WriteCloser, io.Reader, error) {
	program := Program
	if program == "" {
		var err error
		if program, err = os.Executable(); err != nil {
			return nil, nil, nil, err
		}
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
