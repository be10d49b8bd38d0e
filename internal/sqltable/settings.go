package sqltable

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A demand is what the store needs of a setting that a server or a connection may
// change. A connection that lacks the setting meets it.
type demand struct {
	setting string
	met     func(value string) bool
	orElse  string // what happens otherwise, and what to do
	weak    bool   // the store works, but not as well as it promises
	given   string // a setting that must be on for this one to matter, or ""
}

// judge compares the settings of a connection with what the store needs. What is refused
// would lose sessions without an error; what is weak is slow, or loses them in a crash.
func (d *Dialect) judge(settings map[string]string) (refused, weak []string) {
	for _, w := range d.demands {
		value, known := settings[w.setting]
		switch {
		case !known || w.met(strings.ToUpper(value)):
		case w.given != "" && strings.ToUpper(settings[w.given]) != "ON":
		case w.weak:
			weak = append(weak, fmt.Sprintf("%s is %q: %s", w.setting, value, w.orElse))
		default:
			refused = append(refused, fmt.Sprintf("%s is %q: %s", w.setting, value, w.orElse))
		}
	}
	return refused, weak
}

func is(values ...string) func(string) bool {
	return func(value string) bool { return slices.Contains(values, value) }
}

func isNot(value string) func(string) bool {
	return func(v string) bool { return v != value }
}

// hasBits accepts a number in which these bits are set.
func hasBits(bits uint64) func(string) bool {
	return func(value string) bool {
		n, err := strconv.ParseUint(value, 10, 64)
		return err == nil && n&bits == bits
	}
}

func atLeast(least uint64) func(string) bool {
	return func(value string) bool {
		n, err := strconv.ParseUint(value, 10, 64)
		return err != nil || n >= least
	}
}

// mysqlSettings are asked by SHOW, which leaves out what this server does not have.
const mysqlSettings = `SHOW VARIABLES WHERE Variable_name IN ('autocommit', 'completion_type', 'sql_mode', 'sql_select_limit',
	'tx_isolation', 'transaction_isolation', 'character_set_client', 'innodb_flush_log_at_trx_commit', 'max_prepared_stmt_count',
	'wsrep_on', 'wsrep_sync_wait')`

var mysqlDemands = []demand{
	{setting: "autocommit", met: is("ON", "1"),
		orElse: "nothing would be stored; add autocommit=1 to the data source name, or SET GLOBAL autocommit = 1"},
	{setting: "completion_type", met: is("NO_CHAIN", "0"),
		orElse: "a commit would begin another transaction, which never ends; add completion_type=0 to the data source name"},
	{setting: "sql_mode", met: func(v string) bool { return strings.Contains(v, "STRICT_") },
		orElse: "values that are too long would be cut; add sql_mode='STRICT_TRANS_TABLES' to the data source name"},
	{setting: "sql_mode", met: func(v string) bool { return !strings.Contains(v, "EMPTY_STRING_IS_NULL") },
		orElse: "sessions without an owner would be refused; remove EMPTY_STRING_IS_NULL"},
	{setting: "sql_select_limit", met: atLeast(PageSize),
		orElse: "sessions would be missing from results; add sql_select_limit=DEFAULT to the data source name, or raise it"},
	{setting: "tx_isolation", met: isNot("READ-UNCOMMITTED"), orElse: uncommitted},
	{setting: "transaction_isolation", met: isNot("READ-UNCOMMITTED"), orElse: uncommitted},
	{setting: "character_set_client", met: is("UTF8MB4"),
		orElse: "text would be garbled; add charset=utf8mb4 to the data source name, and remove skip_character_set_client_handshake from the server"},
	{setting: "max_prepared_stmt_count", met: atLeast(1000), weak: true,
		orElse: "when it is used up, statements are sent unprepared, which is slower; raise it"},
	{setting: "innodb_flush_log_at_trx_commit", met: is("1"), weak: true,
		orElse: "a crash loses about the last second of acknowledged commits, such as logins and logouts; set it to 1"},
	{setting: "wsrep_sync_wait", given: "wsrep_on", met: hasBits(3), weak: true,
		orElse: "on another node of the Galera cluster, a new session may not be found, one that was logged out may be read, and a revocation may miss a new one; " +
			"add wsrep_sync_wait=3 to the data source name, or let all programs use the same node"},
}

const uncommitted = "a session could be read that is never stored; choose READ-COMMITTED or REPEATABLE-READ"

const postgresSettings = `SELECT name, setting FROM pg_catalog.pg_settings
	WHERE name IN ('client_encoding', 'synchronous_commit', 'fsync', 'full_page_writes')`

var postgresDemands = []demand{
	{setting: "client_encoding", met: is("UTF8", "SQL_ASCII"),
		orElse: "text would be garbled; add client_encoding=UTF8 to the data source name"},
	{setting: "synchronous_commit", met: isNot("OFF"), weak: true,
		orElse: "a crash of the server loses about the last second of acknowledged commits, such as logins and logouts; set it to on"},
	{setting: "fsync", met: is("ON"), weak: true,
		orElse: "a crash of the machine can destroy the database; set it to on"},
	{setting: "full_page_writes", met: is("ON"), weak: true,
		orElse: "a crash of the machine can destroy pages of the database; set it to on"},
}

const sqliteSettings = `SELECT 'synchronous', synchronous FROM pragma_synchronous`

var sqliteDemands = []demand{
	{setting: "synchronous", met: isNot("0"), weak: true,
		orElse: "a crash of the machine can destroy the file; set it to NORMAL or FULL"},
}
