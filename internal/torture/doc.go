// Command torture tries to make sessions lose something, and ends non-zero if it can:
//
//	go run ./internal/torture model          # histories of several processes, checked by porcupine
//	go run ./internal/torture mutants        # breaks the code on purpose: each break must be noticed
//	go run ./internal/torture interleavings  # every order of two requests, and of three, on every store
//	go run ./internal/torture crash          # kill -9 of a process that writes at full speed
//	go run ./internal/torture faults         # a bad network; servers that die, fail over or refuse;
//	                                         # deadlocks, a full disk, a locked file, a clock set back
//	go run ./internal/torture soak           # mixed load with faults, for as long as you like
//	go run ./internal/torture all            # everything but the soak: "make torture"
//
// PostgreSQL and MariaDB take part if SESSION_TEST_POSTGRES and SESSION_TEST_MYSQL
// lead to them; "make torture" starts both. Faults that no other user of a server would
// forgive happen to servers that are started for them, from programs that must be
// installed here; a full disk needs root on Linux. Every run prints its seed; -seed makes the
// same choices again, though not the same interleaving. The program is for Linux
// and the BSDs, macOS among them: it needs kill -9 and a clock that processes share.
//
// The tests of this package are a fast cut of the same.
package main
