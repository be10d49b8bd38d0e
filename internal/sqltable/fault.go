package sqltable

import (
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
)

// A Fault is what an error says about the connection on which a statement failed. What
// is wrong with one connection is often wrong with the others of its pool.
type Fault int

// The faults.
const (
	Sound    Fault = iota // the connection is as good as before
	Broken                // it was lost, or did not answer in time
	Ending                // the server, or a pooler before it, is ending it
	ReadOnly              // it can no longer write; nothing was stored
)

// FaultOf returns what an error says about its connection. It is Sound where there is
// no server.
func (d *Dialect) FaultOf(err error) Fault {
	switch {
	case err == nil || d.readOnly == nil:
		return Sound
	case d.readOnly(err):
		return ReadOnly
	case d.ending(err):
		return Ending
	case broken(err):
		return Broken
	}
	return Sound
}

// broken reports errors that come from the network or from the driver, instead of the
// server. The end of a deadline is one of them.
func broken(err error) bool {
	var network net.Error
	return errors.As(err, &network) ||
		errors.Is(err, driver.ErrBadConn) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		strings.Contains(err.Error(), "invalid connection") || // of go-sql-driver/mysql, which is not imported
		strings.Contains(err.Error(), "conn closed") // of pgx
}

// postgresReadOnly reports that a server became a replica, or made its transactions
// read-only.
func postgresReadOnly(err error) bool { return sqlState(err) == "25006" }

// postgresEnding reports shutdowns and killed sessions (57P), lost connections (08,
// which PgBouncer gives to all its errors), and transactions that took too long, whose
// sessions the server ends (25P03, 25P04).
func postgresEnding(err error) bool {
	state := sqlState(err)
	return strings.HasPrefix(state, "57P") || strings.HasPrefix(state, "08") || state == "25P03" || state == "25P04"
}

// mysqlReadOnly reports a server with read_only (1290, 1836), a read-only transaction
// (1792), and a node of Galera that has left its cluster (1047).
func mysqlReadOnly(err error) bool {
	return slices.Contains([]int{1047, 1290, 1792, 1836}, mysqlNumber(err))
}

// mysqlEnding reports a shutdown (1053), a connection that the server is closing (1080,
// 1152, 1184), lost packets (1158 to 1161), a killed connection (1927, 3169), one that
// was idle for too long (4031), a server in offline mode (3032), and what proxies say of
// a server that is gone (2006, 2013).
func mysqlEnding(err error) bool {
	return slices.Contains([]int{1053, 1080, 1152, 1158, 1159, 1160, 1161, 1184, 1927, 2006, 2013, 3032, 3169, 4031}, mysqlNumber(err))
}
