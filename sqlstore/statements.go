package sqlstore

import (
	"context"
	"database/sql"
	"strconv"
	"strings"
)

// texts are the statements of one store.
type texts struct {
	load, loadPinned, exists       string
	create, update, delete, touch  string
	inPlace                        string // an update that writes no index, or none
	prune, expired, postpone       string
	list, listOwner, listAnonymous string

	// :: how many records → statement, for powers of two
	updates, loadMany map[int]string
}

const thisVersion = " WHERE id = ? AND version = ?"

func newTexts(n names) texts {
	d := n.dialect
	const page = "SELECT id, " + recordColumns + " FROM {table} WHERE id >= ?"
	updates := make(map[int]string)
	for rows := 2; d.together == inStatement && rows <= maxBatch; rows *= 2 {
		updates[rows] = d.updateMany(n, rows)
	}
	createHour, createValue, updateHour, inPlace := "", "", "", ""
	if d.postpone != "" {
		createHour, createValue, updateHour = ", expires_hour", ", ?", ", expires_hour = ?"
		inPlace = n.text("UPDATE {table} SET version = version + 1, address = ?, user_agent = ?, " +
			"created_at = ?, last_activity = ?, expires_at = ?, data = ?" + thisVersion + " AND owner = ? AND expires_hour <= ?")
	}
	return texts{
		inPlace: inPlace,
		updates: updates, loadMany: n.loadTexts(),
		load:       n.text("SELECT " + recordColumns + " FROM {table} WHERE id = ?"),
		loadPinned: n.text("SELECT " + d.pinned + " FROM {table} WHERE id = ?"),
		exists:     n.text("SELECT 1 FROM {table} WHERE id = ?"),
		create: n.text("INSERT INTO {table} (owner, address, user_agent, created_at, last_activity, expires_at, data, id, version" + createHour + ") " +
			"VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1" + createValue + ")" + d.ifAbsent),
		update: n.text("UPDATE {table} SET version = version + 1, owner = ?, address = ?, user_agent = ?, " +
			"created_at = ?, last_activity = ?, expires_at = ?, data = ?" + updateHour + thisVersion),
		delete: n.text("DELETE FROM {table} WHERE id = ?"),
		touch: n.text("UPDATE {table} SET last_activity = {greatest}(last_activity, ?), expires_at = {greatest}(expires_at, ?) " +
			"WHERE id = ? AND (last_activity < ? OR expires_at < ?)"),
		prune:         n.text(d.prune),
		expired:       n.text(d.expired),
		postpone:      n.text(d.postpone),
		list:          n.text(page + " ORDER BY id LIMIT ?"),
		listOwner:     n.text(page + " AND owner = ? AND owner <> '' ORDER BY id LIMIT ?"),
		listAnonymous: n.text(page + " AND owner = '' ORDER BY id LIMIT ?"),
	}
}

// text fills in a statement's table, functions and parameters.
func (n names) text(s string) string {
	s = strings.ReplaceAll(s, "{table}", n.full())
	s = strings.ReplaceAll(s, "{greatest}", n.dialect.greatest)
	if !n.dialect.numbered {
		return s
	}
	var b strings.Builder
	for i := 1; ; i++ {
		before, after, found := strings.Cut(s, "?")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		b.WriteString("$" + strconv.Itoa(i))
		s = after
	}
}

func (s *Store) isClosed() bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.closed
}

// prepared returns the statement, preparing it at its first use. A statement that is
// not prepared costs a second round trip each time. It needs a free connection the
// first time, so it must not be called while holding one: the pool may have no other.
func (s *Store) prepared(ctx context.Context, text string) (*sql.Stmt, error) {
	s.mu.RLock()
	stmt, closed := s.stmts[text], s.closed
	s.mu.RUnlock()
	if closed {
		return nil, ErrClosed
	}
	if stmt != nil {
		return stmt, nil
	}
	// Two may prepare the same at the same time; preparing under the lock would let
	// everybody wait for one slow connection.
	stmt, err := s.db.PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if first := s.stmts[text]; first != nil {
		stmt.Close()
		return first, nil
	}
	if s.closed {
		stmt.Close()
		return nil, ErrClosed
	}
	s.stmts[text] = stmt
	return stmt, nil
}
