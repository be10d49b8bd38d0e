package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/expanse-go/session"
)

// A Dialect is the kind of database.
type Dialect string

// The dialects.
const (
	SQLite     Dialect = "sqlite"   // SQLite 3.37 and later
	PostgreSQL Dialect = "postgres" // PostgreSQL 12 and later
	MySQL      Dialect = "mysql"    // MySQL 8.0.1 and later, MariaDB 10.6 and later
)

var dialects = map[Dialect]*dialect{
	SQLite:     &sqlite,
	PostgreSQL: &postgres,
	MySQL:      &mysql,
}

// A dialect is what the databases differ in; the statements that are common are in
// statements.go.
type dialect struct {
	quote    string // around identifiers
	numbered bool   // parameters are $1, $2, … instead of ?
	greatest string // the function that gives the greater of two values

	// ifAbsent ends an INSERT so that it changes nothing if the ID is there. Where
	// it is empty, the INSERT fails with an error for which duplicate is true.
	ifAbsent  string
	duplicate func(error) bool

	// transient is true for errors after which nothing of the statement was stored
	// and a further try may succeed; tries bounds how often.
	transient func(error) bool
	tries     int

	// prune deletes expired records in one statement, given the hour, the instant
	// and a limit. Where it is empty, expired finds and locks them, to be deleted by
	// key in the same transaction.
	prune, expired string

	// postpone is for databases that write an index entry anew even if its columns
	// get the values they have. There the store keeps expires_hour itself, no later
	// than the hour of the expiry; updates leave it alone if they can, and the owner
	// too (see inPlace); postpone makes it exact where prune finds it too early. It
	// takes what prune takes: the instant, the hour, the instant and a limit.
	postpone string

	together grouping

	// Where it is one statement, updateMany is its text for a number of rows, and manyArgs
	// its arguments, padded with NULL, which is no ID. It returns the IDs of what it changed.
	// manyHere asks whether this server has it, and lacks is true if it fails for good;
	// empty if every server has it. refused is true if the server itself reports that a
	// statement failed with nothing stored, and does not end the connection with it.
	updateMany func(n names, rows int) string
	manyArgs   func(batch []*write, rows int) []any
	manyHere   string
	lacks      func(error) bool
	refused    func(error) bool

	// inProcess: there is no server, so that no read waits for one (see calm and pins).
	inProcess bool

	// pinned are recordColumns in the form that costs a pin the least.
	pinned string

	// migration is the template of the goose file that makes the table.
	// indexInSchema: its indexes are named with the schema, their tables without.
	migration     string
	indexInSchema bool

	// columns asks for the name and the type of each column and whether it alone is
	// the primary key, given the schema ("" for the default one) and the table.
	columns string

	// check looks at more than the table. It may be nil.
	check func(context.Context, *Store) error
}

// grouping is how writers of different sessions that wait at the same time commit
// together.
type grouping int

const (
	inTransaction grouping = iota + 1 // one transaction, a statement each
	inStatement                       // one statement for all updates
)

// An identifier needs no more than quotes. Names of other forms are possible in all
// three databases, but nobody needs them, and what is refused cannot be injected.
var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

const (
	maxSchema = 63 // PostgreSQL cuts longer names, MySQL allows 64
	maxTable  = 48 // leaves room for the names of the indexes
)

// names are the quoted identifiers of one table.
type names struct {
	dialect       *dialect
	schema, table string // not quoted; schema may be ""
}

func newNames(d Dialect, cfg Config) (names, error) {
	n := names{dialects[d], cfg.Schema, cfg.Table}
	if n.dialect == nil {
		return n, fmt.Errorf("session: sqlstore: unknown dialect %q; use SQLite, PostgreSQL or MySQL", string(d))
	}
	if n.table == "" {
		n.table = DefaultTable
	}
	var errs []error
	check := func(field, name string, limit int) {
		reason := ""
		switch {
		case len(name) > limit:
			reason = fmt.Sprintf("longer than %d characters", limit)
		case !identifier.MatchString(name):
			reason = "use letters, digits and underscores only, and no digit first"
		case d == SQLite && strings.HasPrefix(strings.ToLower(name), "sqlite_"):
			reason = "SQLite keeps names that begin with sqlite_ for itself"
		}
		if reason != "" {
			errs = append(errs, &session.ConfigError{Field: field, Value: name, Reason: reason})
		}
	}
	if n.schema != "" {
		check("Schema", n.schema, maxSchema)
	}
	check("Table", n.table, maxTable)
	if cfg.DriverTimeout < 0 {
		errs = append(errs, &session.ConfigError{Field: "DriverTimeout", Value: cfg.DriverTimeout, Reason: "negative; 0 watches every context"})
	}
	return n, errors.Join(errs...)
}

func (n names) quoted(name string) string { return n.dialect.quote + name + n.dialect.quote }

// full is the table as statements name it.
func (n names) full() string { return n.inSchema(n.table) }

func (n names) inSchema(name string) string {
	if n.schema == "" {
		return n.quoted(name)
	}
	return n.quoted(n.schema) + "." + n.quoted(name)
}

// String is the table as messages name it.
func (n names) String() string {
	if n.schema == "" {
		return n.table
	}
	return n.schema + "." + n.table
}
