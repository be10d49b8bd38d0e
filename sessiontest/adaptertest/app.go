package adaptertest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strconv"
	"sync"
	"time"

	"github.com/expanse-go/session"
)

// An App holds the state that the routes of one server share. The handlers call its methods
// with their sessions. The methods are safe for concurrent use.
type App struct {
	// Manager is the manager for the adapter. Its cookie works over plain HTTP. The test of an
	// adapter must not create another one.
	Manager *session.Manager

	patience time.Duration // of waits that end at once unless the adapter is faulty

	mu      sync.Mutex
	arrived int           // handlers of /add
	expect  int           // handlers of /add that wait for each other
	full    chan struct{} // closed when all of them have arrived
	most    int           // of those that were there at the same time
	parts   int           // of a stream that have been made
	unpaced bool          // parts don't wait for the client

	got     chan struct{} // the client has got what was sent last
	reached chan struct{} // a handler has got what the client has sent
	hold    chan struct{} // closed when handlers that wait may go on; nil: none waits
	held    chan struct{} // a handler waits
	done    chan struct{} // closed at the end of the clause
}

func newApp(patience time.Duration) *App {
	return &App{
		patience: patience,
		got:      make(chan struct{}, 1),
		reached:  make(chan struct{}, 1),
		held:     make(chan struct{}, 1),
		done:     make(chan struct{}),
	}
}

// ErrorText is the text of a response with an error status.
func ErrorText(status int) string { return "error page " + strconv.Itoa(status) }

// uploadChunk is half of an upload, and more than the buffers on the way hold.
const uploadChunk = 1 << 20

// errFail is what the handler of /fail fails with.
var errFail = errors.New("adaptertest: this handler fails")

// Show returns what the page shows: the flash message and the visits.
func (*App) Show(s *session.Session) string {
	return fmt.Sprintf("%s visits=%d", session.Get(s, "status", "nothing new"), session.Get(s, "visits", 0))
}

// Save counts a visit, and leaves a flash message.
func (*App) Save(s *session.Session) {
	session.Update(s, "visits", func(n int) int { return n + 1 })
	s.Flash("status", "Saved.")
}

// Hop changes nothing.
func (*App) Hop(s *session.Session) { _ = session.Get(s, "visits", 0) }

// Add stores the number n at a path of its own. It waits for the other requests of the test
// that do the same, so that all have loaded the session before the first one commits.
func (a *App) Add(s *session.Session, n string) {
	s.Set(session.Join("added", "n"+n), true)
	a.meet()
	a.wait()
}

// Quiet notes that it was called.
func (*App) Quiet(s *session.Session) { s.Set("quiet", true) }

// Upload reads the body of the request and returns its length. It reads the first half
// before the client sends the second one.
func (a *App) Upload(s *session.Session, body io.Reader) (int64, error) {
	half := make([]byte, uploadChunk)
	n, err := io.ReadFull(body, half)
	if err != nil {
		return int64(n), fmt.Errorf("the first half of the upload: %w", err)
	}
	signal(a.reached)
	rest, err := io.Copy(io.Discard, body)
	s.Set("uploaded", int64(n)+rest)
	return int64(n) + rest, err
}

// Events returns the events of /sse. It yields each of them only when the client has received
// the one before.
func (a *App) Events(s *session.Session) iter.Seq[string] { return a.sequence(s, "sse") }

// Lines returns the lines of /stream, in the same way as Events.
func (a *App) Lines(s *session.Session) iter.Seq[string] { return a.sequence(s, "stream") }

var parts = []string{"one", "two", "three"}

func (a *App) sequence(s *session.Session, name string) iter.Seq[string] {
	return func(yield func(string) bool) {
		s.Set(name+".begun", true)
		for i, part := range parts {
			a.make(i + 1)
			if !yield(part) {
				return
			}
			a.pace()
		}
		s.Set(name+".ended", true)
	}
}

// make notes how many parts have been made.
func (a *App) make(n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.parts = n
}

// made returns how many parts the handler has made.
func (a *App) made() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.parts
}

// pace waits until the client has got the last part.
func (a *App) pace() {
	a.mu.Lock()
	unpaced := a.unpaced
	a.mu.Unlock()
	if unpaced {
		return
	}
	select {
	case <-a.got:
	case <-a.done:
	case <-time.After(a.patience):
	}
}

// dontPace makes all parts follow each other at once.
func (a *App) dontPace() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.unpaced = true
}

// Socket notes that it was called. Call it before the upgrade.
func (*App) Socket(s *session.Session) { s.Set("socket", true) }

// Panic changes the session and panics.
func (*App) Panic(s *session.Session) {
	s.Set("panicked", true)
	panic("adaptertest: this handler panics")
}

// Refuse changes the session of a request that the handler then refuses.
func (*App) Refuse(s *session.Session) { s.Set("refused", true) }

// Fail changes the session, and returns the error with which the handler must fail.
func (*App) Fail(s *session.Session) error {
	s.Set("failed", true)
	return errFail
}

// meet waits until all handlers of /add have arrived, or for so long that it is clear that
// the adapter does not let them.
func (a *App) meet() {
	a.mu.Lock()
	full := a.full
	if full == nil {
		a.mu.Unlock()
		return
	}
	a.arrived++
	a.most = max(a.most, a.arrived)
	if a.arrived == a.expect {
		close(full)
	}
	a.mu.Unlock()
	select {
	case <-full:
	case <-time.After(a.patience):
		a.mu.Lock()
		a.arrived--
		a.mu.Unlock()
	}
}

// expectAll makes n handlers of /add wait for each other.
func (a *App) expectAll(n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.arrived, a.most, a.expect, a.full = 0, 0, n, make(chan struct{})
}

// together returns how many handlers of /add were there at the same time.
func (a *App) together() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.most
}

// holdAll makes the handlers of /add wait until the function that it returns is called.
func (a *App) holdAll() (release func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	hold := make(chan struct{})
	a.hold = hold
	return sync.OnceFunc(func() { close(hold) })
}

func (a *App) wait() {
	a.mu.Lock()
	hold := a.hold
	a.mu.Unlock()
	if hold != nil {
		signal(a.held)
		<-hold
	}
}

// signal does not block if nobody waits.
func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// await waits for a signal, for no longer than patience.
func (a *App) await(ctx context.Context, c <-chan struct{}, what string) error {
	select {
	case <-c:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(a.patience):
		return fmt.Errorf("%s within %s", what, a.patience)
	}
}
