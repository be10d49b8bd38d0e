package natsstore

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/internal/backoff"
)

// markerLifetime is how long the marker of a deletion stays. A client that watches the
// bucket has that long to connect again.
const markerLifetime = 5 * time.Minute

// A current record is what the key of a record holds.
type current struct {
	stored

	seq  uint64 // the sequence number of the message, 0 if there is none
	here bool   // whether that is a record; the fields of stored are set then
	mark uint64 // the stamp of a marker
}

// What change knows before it asks the server.
var (
	unknown *current
	absent  = &current{}
)

var errRaced = errors.New("session: another writer was faster")

// change replaces the record by what next returns for the current one, unless that is nil.
// If another writer is faster, or if the answer is lost, change begins again. It knows its
// own write by the stamp. Both the record and the index of owners are then right: an entry
// is stored before the record that needs it, and its number belongs to one write, so
// whoever removes an entry removes no newer one.
func (s *Store) change(ctx context.Context, id session.ID, first *current, next func(current) (*stored, error)) error {
	stamp := random()
	return s.retry(ctx, func(ctx context.Context) error {
		cur, err := s.begin(ctx, id, &first)
		if err != nil || cur.here && cur.stamp == stamp {
			return err
		}
		r, err := next(cur)
		if r == nil || err != nil {
			return err
		}
		if r.stamp == 0 {
			r.stamp = stamp
		}
		if err := s.index(ctx, &cur, r); err != nil {
			return err
		}
		data, err := encode(r)
		if err != nil {
			return err
		}
		if err := s.publish(ctx, recordKey(id), data, forget(r.ExpiresAt), nil, &cur.seq); err != nil {
			return err
		}
		if cur.entry != r.entry {
			s.unindex(&cur.stored)
		}
		return nil
	})
}

// remove deletes the record if it satisfies the condition at that moment, and reports
// whether it did. A nil condition is always satisfied.
func (s *Store) remove(ctx context.Context, id session.ID, condition func(session.Record) bool) (removed bool, err error) {
	stamp, first := random(), unknown
	err = s.retry(ctx, func(ctx context.Context) error {
		cur, err := s.begin(ctx, id, &first)
		if condition == nil && errors.Is(err, session.ErrCorrupt) {
			err, cur.here = nil, true
		}
		if removed = cur.mark == stamp; err != nil || removed || !cur.here {
			return err
		}
		expected := &cur.seq
		if condition == nil {
			expected = nil
		} else if !condition(cur.Record) {
			return nil
		}
		mark := binary.BigEndian.AppendUint64(nil, stamp)
		if err := s.publish(ctx, recordKey(id), mark, time.Now().Add(markerLifetime), purged, expected); err != nil {
			return err
		}
		removed = true
		s.unindex(&cur.stored)
		return nil
	})
	return removed, err
}

// begin returns the current record: the first time what the caller knows, if anything.
func (s *Store) begin(ctx context.Context, id session.ID, first **current) (current, error) {
	if known := *first; known != nil {
		*first = nil
		return *known, nil
	}
	return s.current(ctx, id)
}

// index stores the entry of the record r that replaces cur, unless the entry of cur is still
// good for it. An entry lasts longer than the record needs, so that few touches write one.
func (s *Store) index(ctx context.Context, cur *current, r *stored) error {
	r.entry, r.until = 0, 0
	if r.Owner == "" {
		return nil
	}
	need := forget(r.ExpiresAt)
	if cur.here && cur.Owner == r.Owner && cur.until > need.Unix() {
		r.entry, r.until = cur.entry, cur.until
		return nil
	}
	until := need.Add(max(time.Until(r.ExpiresAt), time.Hour))
	r.entry, r.until = random(), until.Unix()
	return s.publish(ctx, entryKey(r.Owner, r.ID, r.entry), nil, until, nil, nil)
}

// unindex removes the entry of a record that is no longer stored. It does not wait for an
// answer: an entry too many costs the next ListOwner a load, until the server removes it.
func (s *Store) unindex(r *stored) {
	if r.entry == 0 {
		return
	}
	msg := &nats.Msg{Subject: s.put + entryKey(r.Owner, r.ID, r.entry), Header: nats.Header{}}
	msg.Header.Set(jetstream.MsgTTLHeader, time.Second.String())
	msg.Header.Set("KV-Operation", "PURGE")
	_ = s.js.Conn().PublishMsg(msg)
}

// purged marks a message as a deletion, for which the server leaves no marker of its own
// when its lifetime ends.
var purged = map[string]string{"KV-Operation": "PURGE"}

// publish stores a message until the given instant. If expected is not nil, it must be the
// sequence number of the last message of the key; otherwise publish returns errRaced.
func (s *Store) publish(ctx context.Context, key string, data []byte, until time.Time, header map[string]string, expected *uint64) error {
	msg := &nats.Msg{Subject: s.put + key, Header: nats.Header{}, Data: data}
	for name, value := range header {
		msg.Header.Set(name, value)
	}
	opts := []jetstream.PublishOpt{jetstream.WithMsgTTL(lifetime(until)), jetstream.WithRetryAttempts(0)}
	if expected != nil {
		opts = append(opts, jetstream.WithExpectLastSequencePerSubject(*expected))
	}
	_, err := s.js.PublishMsg(ctx, msg, opts...)
	var refused *jetstream.APIError
	switch {
	case errors.Is(err, nats.ErrMaxPayload):
		return fmt.Errorf("%w: the record has %d bytes, and the server accepts messages of %d bytes; raise its max_payload, or lower Config.MaxBytes",
			session.ErrTooLarge, len(data), s.js.Conn().MaxPayload())
	case !errors.As(err, &refused):
		return err
	}
	switch refused.ErrorCode {
	case jetstream.JSErrCodeStreamWrongLastSequence, jetstream.JSErrCodeStreamWrongLastSequenceConstant:
		return errRaced
	case codeTooLarge:
		return fmt.Errorf("%w: the record has %d bytes, which is more than the bucket accepts; raise its MaxValueSize, or lower Config.MaxBytes",
			session.ErrTooLarge, len(data))
	case codeStore:
		if strings.Contains(refused.Description, "maximum") {
			return fmt.Errorf("%w: %w; raise MaxBytes of the bucket", session.ErrFull, err)
		}
	case codeAccount, codeMemory, codeStorage:
		return fmt.Errorf("%w: %w", session.ErrFull, err)
	}
	return err
}

// Codes of errors that package jetstream does not name.
const (
	codeAccount  jetstream.ErrorCode = 10002 // the account has no more storage
	codeMemory   jetstream.ErrorCode = 10028 // the server has no more memory for JetStream
	codeStorage  jetstream.ErrorCode = 10047 // the server has no more storage for JetStream
	codeTooLarge jetstream.ErrorCode = 10054 // the message is larger than the bucket allows
	codeStore    jetstream.ErrorCode = 10077 // the message could not be stored, with the reason as text
)

// current asks the leader of the bucket for a record. It does not use [jetstream.KeyValue],
// which lets any replica answer: a replica may lag behind the leader, so a request could
// miss the session that the one before it has stored.
func (s *Store) current(ctx context.Context, id session.ID) (cur current, err error) {
	var answer struct {
		Message struct {
			Sequence uint64 `json:"seq"`
			Header   []byte `json:"hdrs"`
			Data     []byte `json:"data"`
		} `json:"message"`
	}
	err = s.request(ctx, "STREAM.MSG.GET", map[string]any{"last_by_subj": s.subjects + recordKey(id)}, &answer)
	var refused *jetstream.APIError
	if errors.As(err, &refused) && refused.ErrorCode == jetstream.JSErrCodeMessageNotFound {
		return cur, nil
	}
	if err != nil {
		return cur, err
	}
	cur.seq = answer.Message.Sequence
	header := nats.Header{}
	if len(answer.Message.Header) > 0 {
		if header, err = nats.DecodeHeadersMsg(answer.Message.Header); err != nil {
			return cur, fmt.Errorf("%w: %w", session.ErrCorrupt, err)
		}
	}
	if header.Get("KV-Operation") != "" || header.Get(jetstream.MarkerReasonHeader) != "" {
		if len(answer.Message.Data) == 8 {
			cur.mark = binary.BigEndian.Uint64(answer.Message.Data)
		}
		return cur, nil
	}
	if cur.stored, err = decode(id, answer.Message.Data); err != nil {
		return cur, err
	}
	// The server removes messages by the second, and some time later.
	cur.here = forget(cur.ExpiresAt).After(time.Now())
	return cur, nil
}

// keys returns all keys that match the filter.
func (s *Store) keys(ctx context.Context, filter string) (keys []string, err error) {
	for {
		page, total, err := s.page(ctx, filter, len(keys))
		keys = append(keys, page...)
		if err != nil || len(page) == 0 || len(keys) >= total {
			return keys, err
		}
	}
}

// page returns the keys that match the filter, of which the server sends up to 100,000 at
// once from the offset on, and the number of all of them.
func (s *Store) page(ctx context.Context, filter string, offset int) (keys []string, total int, err error) {
	var answer struct {
		Total int `json:"total"`
		State struct {
			Subjects map[string]uint64 `json:"subjects"`
		} `json:"state"`
	}
	err = s.retry(ctx, func(ctx context.Context) error {
		return s.request(ctx, "STREAM.INFO", map[string]any{"subjects_filter": s.subjects + filter, "offset": offset}, &answer)
	})
	for subject := range answer.State.Subjects {
		keys = append(keys, strings.TrimPrefix(subject, s.subjects))
	}
	return keys, max(answer.Total, len(keys)), err
}

// request asks JetStream about the bucket.
func (s *Store) request(ctx context.Context, what string, question map[string]any, answer any) error {
	text, err := json.Marshal(question)
	if err != nil {
		return err
	}
	msg, err := s.js.Conn().RequestWithContext(ctx, s.api+what+"."+s.stream(), text)
	if err != nil {
		return err
	}
	var refused struct {
		Error *jetstream.APIError `json:"error"`
	}
	if err := json.Unmarshal(msg.Data, &refused); err != nil {
		return err
	}
	if refused.Error != nil {
		return refused.Error
	}
	return json.Unmarshal(msg.Data, answer)
}

// stream returns the name of the stream behind the bucket.
func (s *Store) stream() string { return "KV_" + s.bucket }

// patience is how long the first attempt waits for an answer. When a server is lost, the
// answers that it owes never come.
const patience = time.Second

// retry calls f until it succeeds, or fails for a reason that does not pass by itself, or
// ctx ends. Without a deadline, it takes the timeout of the JetStream context.
func (s *Store) retry(ctx context.Context, f func(context.Context) error) error {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, max(s.js.Options().DefaultTimeout, 5*time.Second))
		defer cancel()
	}
	for try := 0; ; try++ {
		err := s.attempt(ctx, patience<<min(try, 4), f)
		if err == nil || !passes(err) {
			return err
		}
		if ctx.Err() != nil || !backoff.Pause(ctx, try) {
			return fmt.Errorf("%w (%w)", context.Cause(ctx), err)
		}
	}
}

// attempt calls f if there is a connection. Without one, the client would keep the message
// and send it later, when the caller has long given up.
func (s *Store) attempt(ctx context.Context, limit time.Duration, f func(context.Context) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if conn := s.js.Conn(); !conn.IsConnected() && !conn.IsClosed() {
		return nats.ErrDisconnected
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return f(ctx)
}

// passes reports whether the reason for an error may pass by itself: a leader is being
// elected, or the answer of a lost server does not come.
func passes(err error) bool {
	for _, temporary := range []error{
		errRaced, context.DeadlineExceeded, nats.ErrTimeout, nats.ErrNoResponders,
		jetstream.ErrNoStreamResponse, nats.ErrDisconnected, nats.ErrReconnectBufExceeded,
	} {
		if errors.Is(err, temporary) {
			return true
		}
	}
	var refused *jetstream.APIError
	return errors.As(err, &refused) && refused.Code == 503 && !errors.Is(err, session.ErrFull)
}

// failed wraps an error that the contract does not name.
func (s *Store) failed(op string, id session.ID, err error) error {
	if err == nil || errors.Is(err, session.ErrNotFound) || errors.Is(err, session.ErrConflict) {
		return err
	}
	if last := s.js.Conn().LastError(); errors.Is(err, context.DeadlineExceeded) && errors.Is(last, nats.ErrPermissionViolation) {
		err = fmt.Errorf("%w: %w", last, err) // the server drops what it does not permit, without an answer
	}
	return &session.StoreError{Op: op, ID: id, Err: err}
}
