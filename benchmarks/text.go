package bench

const intro = `# Benchmarks

This file is written by ` + "`make bench` and `make benchbig`" + `; do not edit it. A part by
itself: ` + "`make bench PARTS=gc`" + `; what other parts have measured before stays.

Requests are made in-process, on 512 sessions of 10 keys (476 bytes as JSON). W0 does
not touch the session, W1 reads a key, W2 reads a key and sets another, W3 makes a new
session; W4 and W5 are W1 and W2 by 16 clients, each on sessions of its own; in W6 the
16 clients write one session. All servers run on the same machine, at their default
durability. Peers of a cell run within seconds of each other, in another order in each
pass, and what counts is the ratio within a pass.

**raw** is no library but the least that the store takes: the same driver, prepared
statements, one read and, for a write, one upsert; opaque bytes, a cookie scanned by
hand, no context to watch. For files it has what the file store promises: each write is
an atomic replacement, under a lock that holds between processes, after a look at the
version. Raw loses concurrent writes, checks no secret and expires nothing.
**session** is this library.
`

const matrixText = `For raw the table has the time itself (W4 to W6: time divided by the requests of all
clients). For the others: the median of the ratios, the lowest and the highest. Ratios
that reach the goal below them are bold. Below 1.2 they are within the noise. Beside the
speed stands what is kept of 50 writes that overlap in one session, and whether a write
that overlaps a logout revives the session; more below.

`

const anomalyText = `50 requests of one session at the same time, each of which sets a key of its own, then
50 that add one to a counter; all wait 5 ms between loading and saving. Then a logout
while a write is under way.

`

const latencyText = `Over real HTTP on the loopback interface: four reads and a write in turn, 64
connections. The time counts from when a request was due.

`

const scaleText = `The calls of sqlstore, by one client, in tables of growing length: 500 bytes a session,
two sessions an owner that lie far from each other, SQLite with synchronous FULL. Fill is
that of table and indexes in one go, by no store. A table of 10 million sessions has
about 8 GB, more than what the servers cache by default: a call then finds its pages in
the system's cache, or on the disk. What grows otherwise is the depth of the indexes, by
a level for each hundredfold. No call reads or writes more rows than it returns or
changes: pruning finds its rows by an index of the expiry, and the rows that it removes
lie apart, each on pages of its own, which are more pages in a longer table.

`

const gcText = `A million sessions of 500 bytes in the memory of the process. A collection is a whole
one, on demand: the median, the fastest and the slowest of all passes. Then expired
sessions are removed while single ones are read, every 20 µs or so: the longest read
during a second of quiet, and during the sweep. On a machine that does something else as
well, a longest read is the time that the scheduler gave to others.

`

const pruneText = `Half of the sessions have expired. Three replicas remove them at the same time (in
memory: three sweepers of one process; else three processes, the first of which serves),
while requests arrive over real HTTP at a fixed rate, four reads and a write in turn. The
time counts from when a request was due. Before is ten seconds of the same without a
prune. Each run checks that the expired have gone, each once, and no other.

`

const driversText = `The drivers modernc (SQLite in Go) and mattn (SQLite in C, by cgo), as multiples of raw
on modernc. The store asks nothing of a driver but database/sql, so the application
chooses. What reads and does not wait for the disk is faster by cgo; where the disk is
waited for, or writers share a commit, there is little between them. The default is
modernc: it cross-compiles and needs no C compiler.

`

const processesText = `Requests read a key and add one to a counter: each process has 4 clients, with sessions
of their own, or all clients of all processes with the same one. Then requests of one
process are stored together (fewer updates than requests), and those of different
processes conflict: such an update is made again on what the other has stored. Each run
checks the counters against the answers: nothing is lost.

`

const representationText = `What else a session could be stored as: to load it and read one key; to load it and read
ten; to load it, read one key, set another, and encode it. Keys that are read and set
stand at the end, the worst place for what is found by scanning. Multiples of JSON text
that is scanned, which is what this library stores; for that one the times themselves.
Maps keep values undecoded until they are asked for, but gob cannot.

`

const runsText = `Parts are measured by themselves; the load is the machine's average in the minute before.
A load of more than its cores means that others worked at the same time: then compare
ratios, not times.

`
