package sqltable

import (
	"strconv"
	"strings"
	"time"

	"github.com/expanse-go/session"
)

// A Statement is the text of an SQL statement and its arguments.
type Statement struct {
	Text string
	Args []any
}

// Statements are the statements for one table.
type Statements struct {
	// Load takes an ID and reads RecordColumns. Pinned is Load without database/sql.
	// Exists takes an ID and returns a row if the record exists.
	Load, Pinned, Exists string

	// Expired finds and locks the records to prune in databases that can't delete them
	// in a single statement; in others it is empty. It takes the arguments of Prune.
	Expired string

	n Names

	create, update, delete, touch  string
	inPlace                        string // an update that writes no index; may be empty
	prune, postpone                string
	list, listOwner, listAnonymous string
	createNone                     string // takes an ID that does not exist
	insert                         string // like create, with a version

	// by number of records, for powers of two
	updates, loads, deletes map[int]string
}

// MaxWrites and MaxReads limit how many records one statement updates and reads, so
// that the first call of a batch does not wait long for the last. MaxWriteBytes limits
// the size of an update, because a server may limit a statement to a megabyte.
const (
	MaxWrites     = 64
	MaxWriteBytes = 256 << 10
	MaxReads      = 32
)

const thisVersion = " WHERE id = ? AND version = ?"

// NewStatements returns the statements for a table.
func NewStatements(n Names) *Statements {
	d := n.Dialect
	const page = "SELECT id, " + RecordColumns + " FROM {table} WHERE id >= ?"
	updates, loads := make(map[int]string), make(map[int]string)
	for rows := 2; d.UpdateMany && rows <= MaxWrites; rows *= 2 {
		updates[rows] = d.updateMany(n, rows)
	}
	for rows := 1; rows <= MaxReads; rows *= 2 {
		loads[rows] = n.text("SELECT id, " + RecordColumns + " FROM {table} WHERE id IN (?" + strings.Repeat(", ?", rows-1) + ")")
	}
	deletes := make(map[int]string)
	for rows := 1; rows <= MaxWrites; rows *= 2 {
		deletes[rows] = n.deleteOwned(rows)
	}
	owned, anonymous := " AND owner = ? AND owner <> ''", " AND owner = ''" // which the partial index needs
	if d.padded {
		owned, anonymous = " AND owner = ? AND octet_length(owner) = ?", " AND owner = '' AND octet_length(owner) = 0"
	}
	createHour, createValue, updateHour, inPlace := "", "", "", ""
	if d.postpone != "" {
		createHour, createValue, updateHour = ", expires_hour", ", ?", ", expires_hour = ?"
		inPlace = n.text("UPDATE {table} SET version = version + 1, address = ?, user_agent = ?, " +
			"created_at = ?, last_activity = ?, expires_at = ?, data = ?" + thisVersion + " AND owner = ? AND expires_hour <= ?")
	}
	create := func(version string) string {
		return n.text("INSERT INTO {table} (owner, address, user_agent, created_at, last_activity, expires_at, data, id, version" + createHour + ") " +
			"VALUES (?, ?, ?, ?, ?, ?, ?, ?, " + version + createValue + ")" + d.ifAbsent)
	}
	return &Statements{
		Load:    n.text("SELECT " + RecordColumns + " FROM {table} WHERE id = ?"),
		Pinned:  n.text("SELECT " + d.pinned + " FROM {table} WHERE id = ?"),
		Exists:  n.text("SELECT 1 FROM {table} WHERE id = ?"),
		Expired: n.text(d.expired),
		n:       n,
		inPlace: inPlace,
		updates: updates, loads: loads, deletes: deletes,
		create: create("1"),
		insert: create("?"),
		update: n.text("UPDATE {table} SET version = version + 1, owner = ?, address = ?, user_agent = ?, " +
			"created_at = ?, last_activity = ?, expires_at = ?, data = ?" + updateHour + thisVersion),
		delete: n.text("DELETE FROM {table} WHERE id = ?"),
		touch: n.text("UPDATE {table} SET last_activity = {greatest}(last_activity, ?), expires_at = {greatest}(expires_at, ?) " +
			"WHERE id = ? AND (last_activity < ? OR expires_at < ?)"),
		prune:         n.text(d.prune),
		postpone:      n.text(d.postpone),
		list:          n.text(page + " ORDER BY id LIMIT ?"),
		listOwner:     n.text(page + owned + " ORDER BY id LIMIT ?"),
		listAnonymous: n.text(page + anonymous + " ORDER BY id LIMIT ?"),
		createNone: n.text("INSERT INTO {table} (id, " + RecordColumns + ") " +
			"SELECT id, " + RecordColumns + " FROM {table} WHERE id = ?"),
	}
}

// text replaces the placeholders for the table, the functions and the parameters of a
// statement.
func (n Names) text(s string) string {
	s = strings.ReplaceAll(s, "{table}", n.Full())
	s = strings.ReplaceAll(s, "{greatest}", n.Dialect.greatest)
	if !n.Dialect.numbered {
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

// Create inserts a record. If the ID exists, it changes no row, or it fails with an
// error for which the dialect's Duplicate returns true.
func (s *Statements) Create(r *session.Record) Statement {
	if s.postpone != "" {
		return Statement{s.create, recordArgs(r, r.ID[:], hour(nanos(r.ExpiresAt)))}
	}
	return Statement{s.create, recordArgs(r, r.ID[:])}
}

// Import is Create of a record that keeps its version.
func (s *Statements) Import(r *session.Record) Statement {
	if s.postpone != "" {
		return Statement{s.insert, recordArgs(r, r.ID[:], int64(r.Version), hour(nanos(r.ExpiresAt)))}
	}
	return Statement{s.insert, recordArgs(r, r.ID[:], int64(r.Version))}
}

// Update replaces a record of the given version.
func (s *Statements) Update(r *session.Record) Statement {
	if s.inPlace != "" {
		return Statement{s.update, recordArgs(r, hour(nanos(r.ExpiresAt)), r.ID[:], int64(r.Version))}
	}
	return Statement{s.update, recordArgs(r, r.ID[:], int64(r.Version))}
}

// UpdateInPlace is an Update that writes no index: it changes no row if an index would
// have to change. If ok is false, the dialect does not need it.
func (s *Statements) UpdateInPlace(r *session.Record) (st Statement, ok bool) {
	if s.inPlace == "" {
		return st, false
	}
	args := recordArgs(r, r.ID[:], int64(r.Version), r.Owner, hour(nanos(r.ExpiresAt)))
	return Statement{s.inPlace, args[1:]}, true // the owner is compared, not set
}

// UpdateMany updates 2 to MaxWrites records with different IDs, and returns a row with
// the ID of each record that it updated. It skips locked records.
func (s *Statements) UpdateMany(batch []*session.Record) Statement {
	rows := 2
	for rows < len(batch) {
		rows *= 2 // few lengths, so that few statements are prepared
	}
	return Statement{s.updates[rows], s.n.Dialect.manyArgs(batch, rows)}
}

// LoadMany reads the ID and RecordColumns of up to MaxReads records.
func (s *Statements) LoadMany(ids []session.ID) Statement {
	rows := 1
	for rows < len(ids) {
		rows *= 2 // few lengths, so that few statements are prepared
	}
	args := make([]any, rows) // the rest is NULL, which is not an ID
	for i := range ids {
		args[i] = ids[i][:]
	}
	return Statement{s.loads[rows], args}
}

// Delete deletes a record, if it exists.
func (s *Statements) Delete(id session.ID) Statement { return Statement{s.delete, []any{id[:]}} }

// Touch moves both times forward, and changes no row if neither is later than the
// stored one.
func (s *Statements) Touch(id session.ID, lastActivity, expires time.Time) Statement {
	active, until := nanos(lastActivity), nanos(expires)
	return Statement{s.touch, []any{active, until, id[:], active, until}}
}

// Prune deletes up to limit records that expired before an instant. It finds candidates
// by the indexed hour and compares the exact time. Its text is empty if Expired is not.
func (s *Statements) Prune(before time.Time, limit int) Statement {
	n := nanos(before)
	args := []any{hour(n), n, limit}
	if s.postpone != "" {
		args = append([]any{n}, args...) // for the exact comparison
	}
	return Statement{s.prune, args}
}

// Postpone runs before Prune with the same arguments. It corrects the hour of records
// that Prune would examine too early. If ok is false, the dialect does not need it.
func (s *Statements) Postpone(before time.Time, limit int) (st Statement, ok bool) {
	return Statement{s.postpone, s.Prune(before, limit).Args}, s.postpone != ""
}

// List reads the ID and RecordColumns of PageSize records, starting at an ID, in the
// order of the IDs.
func (s *Statements) List(from session.ID) Statement {
	return Statement{s.list, []any{from[:], PageSize}}
}

// ListOwner is List for the records of one owner.
func (s *Statements) ListOwner(from session.ID, owner string) Statement {
	switch {
	case owner == "":
		return Statement{s.listAnonymous, []any{from[:], PageSize}}
	case s.n.Dialect.padded:
		return Statement{s.listOwner, []any{from[:], owner, len(owner), PageSize}}
	}
	return Statement{s.listOwner, []any{from[:], owner, PageSize}}
}

// An Attempt is a statement that needs a privilege.
type Attempt struct {
	Privilege string // such as "SELECT"
	Statement
}

// Attempts need every privilege that the store needs. Given an ID that does not exist,
// they find nothing and change nothing.
func (s *Statements) Attempts(id session.ID) []Attempt {
	return []Attempt{
		{"SELECT", Statement{s.Load, []any{id[:]}}},
		{"INSERT", Statement{s.createNone, []any{id[:]}}},
		{"UPDATE", s.Update(&session.Record{ID: id})},
		{"DELETE", s.Delete(id)},
	}
}
