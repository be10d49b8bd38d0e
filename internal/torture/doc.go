// Command torture tries to make sessions lose or corrupt data. It exits with a non-zero
// status if it succeeds:
//
//	go run ./internal/torture model          # checks histories of several processes with porcupine
//	go run ./internal/torture overlaps       # checks histories of streams, slow requests, replaced tokens and
//	                                         # expired limits, in an order that the seed chooses
//	go run ./internal/torture mutants        # breaks the code on purpose; a check must fail for each mutant
//	go run ./internal/torture interleavings  # runs every order of two and of three requests on every store
//	go run ./internal/torture crash          # kills (SIGKILL) a process that writes at full speed
//	go run ./internal/torture faults         # injects network faults, server crashes, failover, a read-only
//	                                         # server, deadlocks, a full disk, a locked database file,
//	                                         # and a clock that is set back
//	go run ./internal/torture failovers      # kills, pauses and cuts off the primaries of a Redis Cluster and of
//	                                         # servers with sentinels; moves slots; fills the memory; kills and
//	                                         # pauses nodes of a Galera cluster; promotes replicas of PostgreSQL
//	go run ./internal/torture deploys        # replaces replicas under load on all stores, and moves the sessions
//	go run ./internal/torture soak           # runs a mixed load with faults for a given time
//	go run ./internal/torture all            # runs everything except soak; "make torture" uses it
//
// PostgreSQL and MariaDB are tested if SESSION_TEST_POSTGRES and SESSION_TEST_MYSQL contain
// their addresses; "make torture" starts both servers. Faults that affect a whole server
// are injected into servers that torture starts itself, so the server programs must be
// installed. A cluster of NATS servers needs nothing: torture contains the server. The full
// disk needs root on Linux.
//
// Every run prints its seed. A run with the same -seed makes the same random choices, but
// the interleaving differs. The program runs on Linux, macOS and the BSDs: it needs
// SIGKILL and a monotonic clock that all processes share.
//
// The tests of this package run shorter versions of the same experiments. They leave out the
// slowest failovers: of Redis, a paused primary, those of Sentinel, and a replica that is cut off; of
// Galera, all; of PostgreSQL, all but the one to a synchronous replica.
package main
