// Package sqltable describes the table of sessions: its names, migrations and columns,
// the statements of each SQL dialect, and how a record becomes arguments. The SQL
// stores share it. It runs no statements.
package sqltable

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/expanse-go/session"
)

// A Dialect holds the differences between the databases. The statements that they have
// in common are in statements.go.
type Dialect struct {
	quote    string // around identifiers
	numbered bool   // parameters are $1, $2, … instead of ?
	greatest string // the function that gives the greater of two values
	reserved string // prefix that table names must not have, in lower case

	// ifAbsent ends an INSERT so that it changes nothing if the ID exists. If it is
	// empty, the INSERT fails with an error for which Duplicate returns true.
	ifAbsent  string
	Duplicate func(error) bool // may be nil

	// Transient reports whether an error means that nothing was stored and a retry may
	// succeed. Tries limits the number of tries.
	Transient func(error) bool
	Tries     int

	// readOnly and ending are what the server itself says of a connection (see FaultOf).
	// They are nil where there is no server.
	readOnly, ending func(error) bool

	// Denied reports whether the role may not run a statement.
	Denied func(error) bool

	// Settings queries the names and values of what a server or a connection may change,
	// and demands are what the store needs of it. Silent says that without them writes
	// would be lost without an error.
	Settings string
	demands  []demand
	Silent   bool

	// Exhausted reports that the server prepares no more statements. Misnamed reports
	// that it does not know a prepared statement, or knows another one by its name:
	// something between it and the program does not keep statements with connections.
	// Both may be nil.
	Exhausted, Misnamed func(error) bool

	// parameter matches a parameter in a statement, and literals writes values into its
	// text instead. They are empty where all statements are prepared.
	parameter *regexp.Regexp
	literals  literals

	// Stale reports whether the server refused a prepared statement because it is out
	// of date, so that preparing it again helps. It may be nil.
	Stale func(error) bool

	// prune deletes expired records in one statement, given the hour, the instant and a
	// limit. If it is empty, expired finds and locks them, and the same transaction
	// deletes them by key.
	prune, expired string

	// postpone is for databases that rewrite an index entry even if its columns keep
	// their values. There the store maintains expires_hour itself, no later than the
	// hour of the expiry. If possible, updates leave that column and the owner alone
	// (see UpdateInPlace). postpone corrects the hour of records that prune finds too
	// early. It takes the instant, the hour, the instant and a limit.
	postpone string

	// idList is a list of IDs from one parameter: their hexadecimal digits, with commas
	// between the IDs. If it is empty, each ID is a parameter.
	idList string

	// UpdateMany says that one statement can update several records. updateMany returns
	// its text for a number of rows, and manyArgs its arguments, padded with NULL,
	// which is not an ID. The statement returns the IDs of the records that it updated.
	//
	// ManyHere asks the server whether it has the statement; it is empty if every
	// server does. Lacks reports whether asking failed because the server lacks it.
	//
	// Refused reports whether an error means that the server itself refused a
	// statement, stored nothing and kept the connection open.
	UpdateMany bool
	updateMany func(n Names, rows int) string
	manyArgs   func(batch []*session.Record, rows int) []any
	ManyHere   string
	Lacks      func(error) bool
	Refused    func(error) bool

	// InProcess says that the database runs in this process, without a server.
	InProcess bool

	// pinned are the columns of a record in the form that is cheapest to read without
	// database/sql.
	pinned string

	// migration is the template of the goose file that creates the table. With
	// indexInSchema, the names of indexes have the schema, and the tables in CREATE
	// INDEX do not.
	migration     string
	indexInSchema bool

	// Columns is a query for the name and type of each column, whether it alone is the
	// primary key, and its collation. It takes the schema ("" for the default) and the
	// table. The owner must have one of the exact collations, if there are any.
	Columns string
	exact   []string

	// padded says that a comparison ignores spaces at the end, whatever the collation.
	padded bool
}

// Quoting is enough for these identifiers. The databases allow others, but refusing
// them rules out injection.
var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

const (
	maxSchema = 63 // PostgreSQL cuts longer names, MySQL allows 64
	maxTable  = 48 // leaves room for the names of the indexes
)

// Names are the identifiers of one table.
type Names struct {
	Dialect       *Dialect
	Schema, Table string // not quoted; Schema may be ""
}

// DefaultTable is the table if the configuration does not name one.
const DefaultTable = "sessions"

// NewNames checks the names. Its errors are [*session.ConfigError] values, joined.
func NewNames(d *Dialect, schema, table string) (Names, error) {
	n := Names{d, schema, table}
	if n.Table == "" {
		n.Table = DefaultTable
	}
	var errs []error
	check := func(field, name string, limit int) {
		reason := ""
		switch {
		case len(name) > limit:
			reason = fmt.Sprintf("longer than %d characters", limit)
		case !identifier.MatchString(name):
			reason = "use letters, digits and underscores only, and no digit first"
		case d.reserved != "" && strings.HasPrefix(strings.ToLower(name), d.reserved):
			reason = "the database reserves names that begin with " + d.reserved
		}
		if reason != "" {
			errs = append(errs, &session.ConfigError{Field: field, Value: name, Reason: reason})
		}
	}
	if n.Schema != "" {
		check("Schema", n.Schema, maxSchema)
	}
	check("Table", n.Table, maxTable)
	return n, errors.Join(errs...)
}

// Quoted returns an identifier in quotes.
func (n Names) Quoted(name string) string { return n.Dialect.quote + name + n.Dialect.quote }

// Full returns the table as statements name it.
func (n Names) Full() string { return n.inSchema(n.Table) }

func (n Names) inSchema(name string) string {
	if n.Schema == "" {
		return n.Quoted(name)
	}
	return n.Quoted(n.Schema) + "." + n.Quoted(name)
}

// String returns the table as messages name it.
func (n Names) String() string {
	if n.Schema == "" {
		return n.Table
	}
	return n.Schema + "." + n.Table
}
