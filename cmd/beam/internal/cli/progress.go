package cli

import (
	"fmt"
	"sync"
	"time"
)

// patience is how long something may take before progress is shown: a command
// that is quick never flickers.
const patience = time.Second

// progress is one line on standard error that says what takes so long. It exists
// on a terminal only; in a pipe all of it does nothing.
type progress struct {
	app  *app
	stop chan struct{}
	done sync.WaitGroup

	mu   sync.Mutex
	text string // what is being done
	last string // what was drawn, to draw it only when it changes
}

// begin starts to wait; the caller must call end before it prints anything.
func (a *app) begin(format string, args ...any) *progress {
	p := &progress{app: a, stop: make(chan struct{}), text: fmt.Sprintf(format, args...)}
	if !a.stderr.terminal {
		return p
	}
	start := time.Now()
	p.done.Go(func() {
		select {
		case <-p.stop:
			return
		case <-time.After(patience):
		}
		tick := time.NewTicker(patience / 4)
		defer tick.Stop()
		for {
			p.draw(time.Since(start))
			select {
			case <-p.stop:
				fmt.Fprint(a.stderr, "\r\x1b[K")
				return
			case <-tick.C:
			}
		}
	})
	return p
}

// say replaces the text.
func (p *progress) say(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.text = fmt.Sprintf(format, args...)
}

func (p *progress) draw(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	line := fmt.Sprintf("beam: %s (%d s)", clean(p.text), int(d.Seconds()))
	if line == p.last {
		return
	}
	p.last = line
	// A line that wraps could not be taken back, so it is cut to the narrowest
	// usual terminal.
	if r := []rune(line); len(r) > 79 {
		line = string(r[:78]) + "…"
	}
	fmt.Fprintf(p.app.stderr, "\r\x1b[K%s", p.app.stderr.paint(faint, line))
}

// end removes the line. It may be called twice.
func (p *progress) end() {
	p.mu.Lock()
	select {
	case <-p.stop:
	default:
		close(p.stop)
	}
	p.mu.Unlock()
	p.done.Wait()
}
