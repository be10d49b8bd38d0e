package sessionpage

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/fallbackstore"
)

// A survey is what counting the sessions has found.
type survey struct {
	At          time.Time
	Live        uint64
	SignedIn    uint64
	Expired     uint64
	Saves       uint64 // of the live sessions
	Ages        [len(ages) + 1]uint64
	Browsers    tally
	Systems     tally
	Partial     bool // the time was up before all live sessions were counted
	Unsupported bool // the store cannot list
}

// Anonymous is the number of live sessions without an owner.
func (s *survey) Anonymous() uint64 { return s.Live - s.SignedIn }

// ages are the limits between groups of sessions; the last group has no limit.
var ages = [...]struct {
	text  string
	below time.Duration
}{
	{"age_1h", time.Hour},
	{"age_6h", 6 * time.Hour},
	{"age_24h", 24 * time.Hour},
	{"age_7d", 7 * 24 * time.Hour},
	{"age_30d", 30 * 24 * time.Hour},
}

// A tally counts names. It holds a bounded number of different ones, whatever a hook
// returns, and counts the rest together.
type tally struct {
	of   map[string]uint64
	rest uint64
}

const manyNames = 256

func (t *tally) add(name string) {
	if t.of == nil {
		t.of = map[string]uint64{}
	}
	if _, ok := t.of[name]; !ok && len(t.of) >= manyNames {
		t.rest++
		return
	}
	t.of[name]++
}

// take counts the sessions in two passes, each of which stops after limit: ListAll knows
// which sessions are alive for this manager, but does not yield the expired ones.
func take(ctx context.Context, m *session.Manager, device func(session.Client) Device, now func() time.Time, limit time.Duration) (*survey, error) {
	s := &survey{At: now()}
	first, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for info, err := range m.ListAll(first) {
		if err != nil && !errors.Is(err, session.ErrCorrupt) {
			if first.Err() != nil {
				break
			}
			s.Unsupported = errors.Is(err, errors.ErrUnsupported)
			if s.Unsupported {
				return s, nil
			}
			return nil, err
		}
		s.count(info, device)
		if first.Err() != nil {
			break
		}
	}
	s.Partial = first.Err() != nil

	second, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for r, err := range session.List(second, m.Store()) {
		if second.Err() != nil {
			break
		}
		if err != nil {
			return nil, err
		}
		if !s.At.Before(r.ExpiresAt) && !fallbackstore.IsMark(r) {
			s.Expired++
		}
	}
	return s, ctx.Err()
}

func (s *survey) count(i session.Info, device func(session.Client) Device) {
	s.Live++
	s.Saves += i.Version
	if i.Owner != "" {
		s.SignedIn++
	}
	age, group := s.At.Sub(i.CreatedAt), len(ages)
	for n, a := range ages {
		if age < a.below {
			group = n
			break
		}
	}
	s.Ages[group]++
	d := device(i.Client).clean()
	s.Browsers.add(withoutVersion(d.Browser))
	s.Systems.add(d.System)
}

// withoutVersion cuts the number at the end of "Firefox 143".
func withoutVersion(browser string) string {
	for i := len(browser) - 1; i > 0; i-- {
		if c := browser[i]; c == ' ' {
			return browser[:i]
		} else if c != '.' && (c < '0' || c > '9') {
			break
		}
	}
	return browser
}

// A chart is a table whose rows have a bar.
type chart struct {
	Title string
	Bars  []bar
}

// A bar is a row of a chart.
type bar struct {
	Label string
	N     uint64
	Width string // 0 to 100
	Share string // "12 %"
}

func newBar(label string, n, all uint64) bar {
	b := bar{Label: label, N: n, Width: "0", Share: "0 %"}
	if all > 0 {
		percent := 100 * float64(n) / float64(all)
		b.Width = strconv.FormatFloat(percent, 'f', 2, 64)
		b.Share = strconv.FormatFloat(percent, 'f', 0, 64) + "\u00a0%"
		if n > 0 && percent < 1 {
			b.Share = "<\u00a01\u00a0%"
		}
	}
	return b
}

func (s *survey) ageChart(v *view) chart {
	c := chart{Title: v.T("age_title")}
	for i, n := range s.Ages {
		label := v.T("age_more")
		if i < len(ages) {
			label = v.T(ages[i].text)
		}
		c.Bars = append(c.Bars, newBar(label, n, s.Live))
	}
	return c
}

// manyBars is how many names a chart shows; the others are one bar.
const manyBars = 8

func (t *tally) chart(v *view, title string, all uint64) chart {
	c := chart{Title: v.T(title)}
	names := slices.SortedFunc(maps.Keys(t.of), func(a, b string) int {
		return cmp.Or(cmp.Compare(t.of[b], t.of[a]), cmp.Compare(a, b))
	})
	rest := t.rest
	for i, name := range names {
		if i >= manyBars {
			rest += t.of[name]
			continue
		}
		label := name
		if name == "" {
			label = v.T("unknown")
		}
		c.Bars = append(c.Bars, newBar(label, t.of[name], all))
	}
	if rest > 0 {
		c.Bars = append(c.Bars, newBar(v.T("other"), rest, all))
	}
	return c
}
