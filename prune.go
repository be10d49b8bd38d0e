package session

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/expanse-go/session/internal/backoff"
)

// pruneBatch is how many records one call of the store removes: few enough that no
// request waits long for it.
const pruneBatch = 500

// minPrunePause is the shortest pause between two batches.
const minPrunePause = 8 * time.Millisecond

// Prune removes the records that expired more than [PruneSlack] ago, in small batches,
// and returns how many it removed. The manager calls it in the background; see
// [Config].PruneEvery. Several processes may prune at the same time.
func (m *Manager) Prune(ctx context.Context) (int, error) {
	if m.closed.Load() {
		return 0, ErrClosed
	}
	began := m.begin()
	n, err := m.prune(ctx)
	if n > 0 && err == nil {
		m.ends(ctx, began, OpPrune, OutcomePruned, Event{Kind: EventPruned, Pruned: n})
	} else if n > 0 { // the sweep ends with the event of its failure
		m.event(ctx, Event{Kind: EventPruned, Pruned: n})
	}
	return n, err
}

func (m *Manager) prune(ctx context.Context) (total int, err error) {
	before := m.cfg.Now().Add(-PruneSlack)
	for {
		began := time.Now()
		n, err := Prune(ctx, m.store, before, pruneBatch)
		took := time.Since(began)
		total += n
		if err != nil {
			return total, storeError("prune", ID{}, err)
		}
		if n < pruneBatch {
			return total, nil
		}
		// Requests need the same locks, disk and processors. The pause is as long as the
		// batch took, so a replica that has to wait for others prunes less.
		if !backoff.Wait(ctx, backoff.Jitter(max(took, minPrunePause), minPrunePause/2)) {
			return total, ctx.Err()
		}
	}
}

// startSweeper makes the manager prune in the background. It is called once there may be
// something to remove, so that a manager without sessions costs no goroutine.
func (m *Manager) startSweeper() {
	if m.cfg.PruneEvery > 0 {
		m.sweeper.start(m.cfg.PruneEvery, m.sweep)
	}
}

func (m *Manager) sweep(ctx context.Context) {
	began := m.begin()
	_, err := m.Prune(ctx)
	if err == nil || ctx.Err() != nil || errors.Is(err, errors.ErrUnsupported) {
		return
	}
	m.cfg.log(ctx, slog.LevelError, "session: pruning failed; the next sweep tries again", logError(err))
	m.ends(ctx, began, OpPrune, OutcomeFailed, Event{Kind: EventFailed, Err: err})
}
