package integration

import (
	"database/sql"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/expanse-go/session"
)

// asksMariaDB is the beginning of the query that asks whether the server has the
// statement that writers share.
const asksMariaDB = "SELECT VERSION()"

// updateTogether runs 16 writers, each of which updates its own record once per round,
// with new data each time.
func updateTogether(t *testing.T, s sessionStore, rounds int) {
	t.Helper()
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for version := range uint64(rounds) {
				r := writersRecord(w, version+1)
				if err := s.Update(t.Context(), r); err != nil {
					t.Errorf("writer %d, version %d: %v", w, version+1, err)
				}
			}
		})
	}
	wg.Wait()
}

const writers = 16

// writersRecord returns the record that a writer stores on top of a version; version 0
// is for Create.
func writersRecord(w int, version uint64) session.Record {
	return session.Record{
		ID: session.ID{0xa0, byte(w + 1)}, Version: version, Owner: fmt.Sprint("owner ", w),
		Client: session.Client{UserAgent: fmt.Sprint("browser ", w, ", version ", version)},
		Data:   fmt.Append(nil, "secret of ", w, ", version ", version),
	}
}

// Writers share the statement of MariaDB if the server has it; otherwise each sends its
// own UPDATE. The store asks once, and again only if it got no answer.
func TestMariaDBIsAskedForItsStatement(t *testing.T) {
	for _, c := range []struct {
		name     string
		instead  []string // sent in place of the first questions
		together bool
		asked    int
	}{
		{"MariaDB", nil, true, 1},
		{"MySQL", []string{"SELECT 0"}, false, 1},
		{"unknown variable", []string{"SELECT @@no_such_variable"}, false, 1},
		{"too many connections", []string{"SIGNAL SQLSTATE '08004' SET MYSQL_ERRNO = 1040"}, true, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			each(t, isMySQL, func(t *testing.T, d database) {
				s, spy := d.spiedStore(t, 8)
				var mu sync.Mutex
				asked := 0
				spy.instead = func(text string) string {
					if !strings.HasPrefix(text, asksMariaDB) {
						return text
					}
					mu.Lock()
					defer mu.Unlock()
					asked++
					if asked <= len(c.instead) {
						return c.instead[asked-1]
					}
					return text
				}
				for w := range writers {
					mustCreate(t, s, writersRecord(w, 0))
				}
				const rounds = 30
				log := spy.during(func() { updateTogether(t, s, rounds) })
				count := map[string]int{}
				for _, word := range log {
					count[word]++
				}
				if c.together && (count["insert"] == 0 || count["insert"]+count["update"] >= writers*rounds) {
					t.Errorf("%d writes by %v, want some of them to share a statement", writers*rounds, count)
				}
				if !c.together && (count["insert"] > 0 || count["update"] != writers*rounds) {
					t.Errorf("%d writes by %v, want an UPDATE for each", writers*rounds, count)
				}
				// Batches that begin before the first answer has come ask as well.
				if asked < c.asked || asked > c.asked+writers {
					t.Errorf("the server was asked %d times, want %d, and at most once more for each writer", asked, c.asked)
				}
			})
		})
	}
}

// The statement inserts, but what an application has added to the table for inserts
// does not make it change other rows or other values.
func TestMariaDBsStatementChangesNoOtherRow(t *testing.T) {
	for _, c := range []struct{ name, change string }{
		{"long unique index", "ALTER TABLE {t} ADD UNIQUE (owner, address, user_agent)"},
		{"unique data", "ALTER TABLE {t} ADD UNIQUE (data)"},
		{"unique browser", "ALTER TABLE {t} ADD UNIQUE (user_agent)"},
		{"trigger on version", "CREATE TRIGGER other BEFORE INSERT ON {t} FOR EACH ROW SET NEW.version = 1"},
		{"trigger on values", "CREATE TRIGGER other BEFORE INSERT ON {t} FOR EACH ROW SET NEW.owner = '', NEW.data = '{', NEW.created_at = 7"},
		{"check", "ALTER TABLE {t} ADD CHECK (id < 'z' OR owner LIKE 'owner %' AND user_agent LIKE 'browser%')"},
		{"partitions", "ALTER TABLE {t} PARTITION BY KEY (id) PARTITIONS 4"},
		{"history", "ALTER TABLE {t} ADD SYSTEM VERSIONING"},
	} {
		t.Run(c.name, func(t *testing.T) {
			each(t, isMySQL, func(t *testing.T, d database) {
				p := d.place(t)
				db := p.connect(t)
				cfg := p.table(t, db, d.dialect)
				s := open(t, db, d.dialect, cfg)
				// With some of the changes, these records have the values that the
				// statement might insert.
				bystanders := []session.Record{
					{ID: session.ID{1}},
					{ID: session.ID{2}, Owner: "-", Data: []byte("{"), Client: session.Client{Address: "-", UserAgent: "-"}},
				}
				for _, r := range bystanders {
					mustCreate(t, s, r)
				}
				for w := range writers {
					mustCreate(t, s, writersRecord(w, 0))
				}
				mustExec(t, db, strings.ReplaceAll(c.change, "{t}", quoted(d.dialect, cfg)))
				const rounds = 20
				updateTogether(t, s, rounds)
				want := bystanders
				for i := range want {
					want[i].Version = 1
				}
				for w := range writers {
					r := writersRecord(w, rounds)
					r.Version++
					want = append(want, r)
				}
				for _, w := range want {
					r, err := s.Load(t.Context(), w.ID)
					if err != nil || !sameRecord(r, w) || string(r.Data) != string(w.Data) {
						t.Errorf("%s: got version %d of %q with %q (%v), want %d of %q with %q", w.ID, r.Version, r.Owner, r.Data, err, w.Version, w.Owner, w.Data)
					}
				}
			})
		})
	}
}

// The statement finds its rows by their keys even in a small table: a scan would lock
// all rows and the gaps for new ones.
func TestMariaDBsStatementLocksOnlyItsRows(t *testing.T) {
	each(t, isMySQL, func(t *testing.T, d database) {
		s, spy := d.spiedStore(t, 8)
		var mu sync.Mutex
		texts := map[int]string{} // by the number of parameters
		spy.instead = func(text string) string {
			mu.Lock()
			defer mu.Unlock()
			if strings.Contains(text, "SKIP LOCKED") {
				texts[strings.Count(text, "?")] = text
			}
			return text
		}
		for w := range writers {
			mustCreate(t, s, writersRecord(w, 0))
		}
		updateTogether(t, s, 20)
		if len(texts) == 0 {
			t.Fatal("no writers shared a statement")
		}
		db := sql.OpenDB(spy.Connector)
		defer db.Close()
		for n, text := range texts {
			args := make([]any, n)
			for i := range args {
				id := writersRecord(i%writers, 0).ID
				args[i] = id[:]
			}
			rows, err := db.Query("EXPLAIN "+text, args...)
			if err != nil {
				t.Fatal(err)
			}
			found := false
			for rows.Next() {
				var kind, key sql.NullString
				var other sql.RawBytes
				if err := rows.Scan(&other, &other, &other, &kind, &other, &key, &other, &other, &other, &other); err != nil {
					t.Fatal(err)
				}
				found = found || kind.String == "range" && key.String == "PRIMARY"
			}
			if err := rows.Err(); err != nil {
				t.Error(err)
			}
			if !found {
				t.Errorf("%d parameters: the table is not read by ranges of its primary key", n)
			}
		}
	})
}
