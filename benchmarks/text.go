package bench

const intro = `# Benchmarks

This file is written by ` + "`make bench`" + `; do not edit it.

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
that reach the goal below them are bold. Below 1.2 they are within the noise.

`

const anomalyText = `50 requests of one session at the same time, each of which sets a key of its own, then
50 that add one to a counter; all wait 5 ms between loading and saving. Then a logout
while a write is under way.

`

const latencyText = `Over real HTTP on the loopback interface: four reads and a write in turn, 64
connections. The time counts from when a request was due.

`

const scaleText = `The calls of sqlstore, by one client, in tables of growing length: 700 bytes a session,
two sessions an owner.

`
