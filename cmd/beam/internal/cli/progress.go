package cli

import (
	"fmt"
	"sync"
	"time"
)

// progressDelay is the time before progress appears, so that fast commands do not flicker.
const progressDelay = time.Second

// progress is a line on standard error that shows what the command is doing. If standard
// error is not a terminal, its methods do nothing.
type progress struct {
	app  *app
	stop chan struct{}
	done sync.WaitGroup

	mu   sync.Mutex
	text string // the current activity
	last string // the last line drawn, to avoid redrawing it
}

// begin starts the progress line. The caller must call end before it prints anything.
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
		case <-time.After(progressDelay):
		}
		tick := time.NewTicker(progressDelay / 4)
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
	if !p.app.stderr.terminal {
		return
	}
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
	// A line that wraps could not be erased, so it is cut to the width of the narrowest
	// common terminal.
	if r := []rune(line); len(r) > 79 {
		line = string(r[:78]) + "…"
	}
	fmt.Fprintf(p.app.stderr, "\r\x1b[K%s", p.app.stderr.paint(faint, line))
}

// end erases the line. It can be called more than once.
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
