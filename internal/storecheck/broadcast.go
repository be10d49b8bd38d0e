package storecheck

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/expanse-go/session"
)

var broadcastClauses = []Clause{
	{Name: "Broadcast/unheard", Rule: "IDs that nobody listens for are lost", Needs: Broadcasts, check: broadcastUnheard},
	{Name: "Broadcast/heard", Rule: "Listen hears each ID that is broadcast", Needs: Broadcasts, check: broadcastHeard},
	{Name: "Broadcast/everybody", Rule: "Broadcast sends IDs to everybody who listens", Needs: Broadcasts, check: broadcastEverybody},
	{Name: "Broadcast/shared", Rule: "Broadcast sends IDs to other processes", Needs: Broadcasts | Shares, check: broadcastShared},
	{Name: "Listen/begins", Rule: "when it begins to hear, Listen calls heard with the zero ID: what is broadcast later is heard", Needs: Broadcasts, check: listenBegins},
	{Name: "Listen/ends", Rule: "Listen returns an error when ctx ends", Needs: Broadcasts, check: listenEnds},
}

func (p *probe) broadcast(ids ...session.ID) error {
	b, _ := session.Capability[session.Broadcaster](p.store)
	if err := b.Broadcast(p.ctx, ids); err != nil {
		return fmt.Errorf("Broadcast: %w", err)
	}
	return nil
}

// A listener is one call of Listen.
type listener struct {
	heard chan session.ID
	ended chan error
	stop  context.CancelFunc
}

func (p *probe) listen(s session.Store) *listener {
	ctx, stop := context.WithCancel(p.ctx)
	l := &listener{make(chan session.ID), make(chan error, 1), stop}
	b, _ := session.Capability[session.Broadcaster](s)
	go func() {
		l.ended <- b.Listen(ctx, func(id session.ID) {
			select {
			case l.heard <- id:
			case <-ctx.Done():
			}
		})
	}()
	return l
}

var errCannotListen = errors.New("this environment has no broadcasts")

// next returns the next ID that is heard. Where listening is impossible, as behind a
// connection pooler, the error is errCannotListen.
func (l *listener) next(ctx context.Context) (session.ID, error) {
	select {
	case id := <-l.heard:
		return id, nil
	case err := <-l.ended:
		l.ended <- err
		if errors.Is(err, errors.ErrUnsupported) {
			return session.ID{}, errCannotListen
		}
		return session.ID{}, fmt.Errorf("Listen: %w", err)
	case <-ctx.Done():
		return session.ID{}, ctx.Err()
	}
}

// close ends the call and waits for it.
func (l *listener) close(p *probe) {
	l.stop()
	select {
	case err := <-l.ended:
		l.ended <- err
	case <-p.ctx.Done():
	}
}

// allHear broadcasts IDs, again and again, because it is not known when a listener begins to
// hear, until all listeners have heard all of them.
func (p *probe) allHear(ids []session.ID, ls ...*listener) error {
	for _, l := range ls {
		missing := map[session.ID]bool{}
		for _, id := range ids {
			missing[id] = true
		}
		for tries := 0; len(missing) > 0; tries++ {
			if tries > 100 {
				return fmt.Errorf("of %d IDs that were broadcast, %d were not heard", len(ids), len(missing))
			}
			_ = p.broadcast(ids...) // Broadcast/unheard says that it succeeds
			if err := p.collect(l, missing, time.Duration(tries)*10*time.Millisecond); err != nil {
				return err
			}
		}
	}
	return nil
}

// collect removes what is heard until nothing has been for a while.
func (p *probe) collect(l *listener, missing map[session.ID]bool, pause time.Duration) error {
	for len(missing) > 0 {
		ctx, cancel := context.WithTimeout(p.ctx, pause+10*time.Millisecond)
		id, err := l.next(ctx)
		cancel()
		switch {
		case err == nil:
			delete(missing, id)
		case errors.Is(err, context.DeadlineExceeded) && p.ctx.Err() == nil:
			return nil
		default:
			return err
		}
	}
	return nil
}

// possible turns errCannotListen into success.
func possible(err error) error {
	if errors.Is(err, errCannotListen) {
		return nil
	}
	return err
}

func broadcastUnheard(p *probe) error { return p.broadcast(p.id()) }

func broadcastHeard(p *probe) error {
	l := p.listen(p.store)
	defer l.close(p)
	ids := make([]session.ID, 1000)
	for i := range ids {
		ids[i] = p.record().ID
	}
	return possible(p.allHear(ids, l))
}

func broadcastEverybody(p *probe) error {
	// Each hears on its own, so that a busy one does not delay the others.
	one, two := p.listen(p.store), p.listen(p.store)
	defer one.close(p)
	defer two.close(p)
	id := p.id()
	errs := parallel(2, func(i int) error { return p.allHear([]session.ID{id}, []*listener{one, two}[i]) })
	return possible(errors.Join(errs...))
}

func broadcastShared(p *probe) error {
	other, err := p.env.Share(p.ctx, p.store)
	if err != nil {
		return fmt.Errorf("open the data again: %w", err)
	}
	l := p.listen(other)
	defer l.close(p)
	return possible(p.allHear([]session.ID{p.id()}, l))
}

func listenBegins(p *probe) error {
	l := p.listen(p.store)
	defer l.close(p)
	if id, err := l.next(p.ctx); err != nil || !id.IsZero() {
		return possible(fmt.Errorf("Listen begins with the ID %v, %w; want zero", id, err))
	}
	want := p.id()
	if err := p.broadcast(want); err != nil {
		return err
	}
	for {
		if id, err := l.next(p.ctx); err != nil || id == want {
			return err
		}
	}
}

func listenEnds(p *probe) error {
	l := p.listen(p.store)
	l.close(p)
	select {
	case err := <-l.ended:
		if err == nil {
			return errors.New("Listen returned nil")
		}
		return nil
	default:
		return errors.New("Listen goes on after its context has ended")
	}
}
