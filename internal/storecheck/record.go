package storecheck

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/expanse-go/session"
)

// These clauses check what a record can hold. Each value goes through Create and
// through Update, because many stores have a statement for each.
var recordClauses = []Clause{
	{Name: "Record/nanoseconds", Rule: "times have a resolution of one nanosecond", check: recordNanoseconds},
	{Name: "Record/utc", Rule: "times are instants in UTC", check: recordUTC},
	{Name: "Record/text", Rule: "Owner and Client are UTF-8 without NUL", check: recordText},
	{Name: "Record/longest-text", Rule: "Owner is at most MaxOwner bytes, Address 64, UserAgent 500", check: recordLongest},
	{Name: "Record/empty", Rule: `Owner is "" while it is anonymous; Address and UserAgent are "" if not recorded; Data may be empty`, check: recordEmpty},
	{Name: "Record/binary", Rule: "Data is binary", check: recordBinary},
	{Name: "Record/large", Rule: "Data is opaque to stores, and may have a size of 1 MiB", check: recordLarge},
}

// keeps checks that Create stores the fields that f sets, and that an Update of
// another record does, too.
func (p *probe) keeps(f func(*session.Record)) error {
	created := p.record()
	f(&created)
	created, err := p.create(created)
	if err != nil {
		return err
	}
	want := created
	f(&want)
	if err := diff(created, want); err != nil {
		return fmt.Errorf("after Create: %w", err)
	}
	updated, err := p.fresh()
	if err != nil {
		return err
	}
	f(&updated)
	if updated, err = p.update(updated); err != nil {
		return err
	}
	want = updated
	f(&want)
	if err := diff(updated, want); err != nil {
		return fmt.Errorf("after Update: %w", err)
	}
	return nil
}

func recordNanoseconds(p *probe) error {
	return p.keeps(func(r *session.Record) {
		r.CreatedAt = p.now.Add(1 - time.Minute)
		r.LastActivity = p.now.Add(123_456_789)
		r.ExpiresAt = p.now.Add(time.Hour + 999_999_999)
	})
}

func recordUTC(p *probe) error {
	r, err := p.fresh()
	if err != nil {
		return err
	}
	updated, err := p.update(r)
	if err != nil {
		return err
	}
	for _, t := range []time.Time{
		r.CreatedAt, r.LastActivity, r.ExpiresAt,
		updated.CreatedAt, updated.LastActivity, updated.ExpiresAt,
	} {
		if t.Location() != time.UTC {
			return fmt.Errorf("got a time in zone %v, want UTC", t.Location())
		}
	}
	return nil
}

func recordText(p *probe) error {
	for _, text := range []string{
		"Ünïcödé 名前 😀",        // two, three and four bytes a letter
		"e\u0301 is not é",    // no normalization
		" spaces  and\ttabs ", // no trimming
		"'; DROP TABLE sessions; --",
		`back\slash "quote" 'apostrophe' 100% under_score ?1 $1 :x`,
		"line\r\nbreak \x01 \x7f \u2028",
		"NULL",
		"\ufeffbyte order mark",
	} {
		if err := p.keeps(func(r *session.Record) {
			r.Owner = text
			r.Client = session.Client{Address: text, UserAgent: text}
		}); err != nil {
			return err
		}
	}
	return nil
}

func recordLongest(p *probe) error {
	for _, letter := range []string{"x", "é", "名", "😀"} {
		fill := func(n int) string { // returns exactly n bytes
			s := strings.Repeat(letter, n/len(letter))
			return s + strings.Repeat("y", n-len(s))
		}
		if err := p.keeps(func(r *session.Record) {
			r.Owner = fill(session.MaxOwner)
			r.Client = session.Client{Address: fill(64), UserAgent: fill(500)}
		}); err != nil {
			return err
		}
	}
	return nil
}

func recordEmpty(p *probe) error {
	for _, data := range [][]byte{nil, {}} {
		if err := p.keeps(func(r *session.Record) {
			r.Client = session.Client{}
			r.Data = data
		}); err != nil {
			return err
		}
	}
	return nil
}

func recordBinary(p *probe) error {
	all := make([]byte, 512)
	for i := range all {
		all[i] = byte(i)
	}
	for _, data := range [][]byte{
		all,
		make([]byte, 3), // zeros only
		[]byte("trailing zero\x00"),
		[]byte("\x1f\x8b\xff\xfe\xc3\x28"), // invalid UTF-8
	} {
		if err := p.keeps(func(r *session.Record) { r.Data = data }); err != nil {
			return err
		}
	}
	return nil
}

// noise returns 1 MiB of plain letters that compress badly, so that a store which
// compresses its data has to store a large value, too.
var noise = sync.OnceValue(func() []byte {
	b := make([]byte, 1<<20)
	rand.NewChaCha8([32]byte{1}).Read(b)
	for i := range b {
		b[i] = '@' + b[i]&0x1f
	}
	return b
})

func recordLarge(p *probe) error {
	return p.keeps(func(r *session.Record) { r.Data = noise() })
}
