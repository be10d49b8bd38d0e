package bench

const intro = `# Benchmarks

` + "`make bench` and `make benchbig`" + ` write this file; do not edit it. To measure a single
part, use ` + "`make bench PARTS=gc`" + `; the results of the other parts are kept.

Requests are made in-process, on 512 sessions of 10 keys (476 bytes as JSON). The
workloads are:

- W0 does not touch the session.
- W1 reads a key.
- W2 reads a key and sets another.
- W3 creates a session.
- W4 and W5 are W1 and W2 with 16 concurrent clients, each with its own sessions.
- W6 is W2 with 16 concurrent clients that share one session.

All servers run on the same machine, with their default durability settings. In each
pass, the peers of a cell run within seconds of each other, in a new order. The results
are ratios within a pass, so that slow phases of the machine cancel out.

**raw** is not a library. It does the least that the store allows: the same driver,
prepared statements, one read and, for a write, one upsert. It stores opaque bytes, scans
the cookie by hand and watches no context. On files it gives the same guarantees as the
file store: each write replaces the file atomically, under a lock that holds between
processes, after reading the stored version. Raw loses concurrent writes, checks no secret
and expires nothing. **session** is this library.
`

const matrixText = `For raw, the table shows the time of a request (W4 to W6: elapsed time divided by the
requests of all clients). For the others, it shows the ratio to raw: the median of all
passes, then the lowest and the highest.

Each *goal* is the highest ratio that this library aims for. Raw does the least work for a
single request, so the ratio is the price of what the library does in addition. The goals
limit that price: to a factor of 2 or 3 where raw takes less than a microsecond, and to 20
to 50 % where raw uses files or a database. With 16 clients, a goal can be below 1, because
the library combines the work of concurrent requests and raw does not.

A goal is reached if the median is not above it. The ratio is then bold. A goal is missed
if the median is above it, even if the lowest ratio is not. Ratios below 1.2 are within
the noise. A missed goal does not stop the benchmark: the terminal output shows MISSED,
and the ratio is not bold.

The goals of PostgreSQL and MariaDB through database/sql were lower (W1 to W3 1.2; W4 to W6
0.8, 0.6 and 0.15, and 1.1, 1 and 0.45) while the store bypassed database/sql. They are
higher now because the store is simpler. With pgxstore, the goals of PostgreSQL are the
old ones.

The last column shows how many of 50 overlapping writes to one session are kept, and
whether a write that overlaps a logout revives the session.

`

const anomalyText = `First, 50 concurrent requests to one session set one key each. Then 50 concurrent requests
each add one to a counter. All of them wait 5 ms between loading and saving the session.
Finally, a logout runs while a write is in progress.

`

const latencyText = `Requests arrive over real HTTP on the loopback interface, over 64 connections: four reads,
then a write, and so on. The time of a request starts when it was due, so a stall also
counts for the requests that had to wait.

`

const scaleText = `One client calls sqlstore on tables of growing size. Each session has 500 bytes. Each
owner has two sessions, far apart in the table. SQLite runs with synchronous FULL. The
column *fill* is the time to create the table and its indexes in bulk, without the store.

A table of 10 million sessions takes about 8 GB, more than the servers cache by default.
A call then reads its pages from the page cache of the operating system or from disk.
Apart from that, only the depth of the indexes grows, by one level for each factor of 100.
No call reads or writes more rows than it returns or changes. Pruning finds its rows by an
index on the expiry time. The rows that it removes are scattered, and a larger table
spreads them over more pages.

`

const gcText = `The process keeps a million sessions of 500 bytes in memory. The first table shows the time
of a full garbage collection with runtime.GC: the median, the fastest and the slowest of
all passes.

Then a sweep removes expired sessions while other sessions are read, about every 20 µs.
The second table shows the longest read during a second without a sweep, and during the
sweep. On a busy machine, the longest read can be time that the scheduler gave to other
processes.

`

const pruneText = `Half of the sessions have expired. Three replicas prune them at the same time: in memory,
three sweepers of one process; otherwise three processes, the first of which serves the
requests. Meanwhile, requests arrive over real HTTP at a fixed rate: four reads, then a
write, and so on. The time of a request starts when it was due. The rows *before* show ten
seconds of the same load without pruning. Each run checks that exactly the expired
sessions were removed, each by one replica.

`

const driversText = `The table compares the drivers modernc (SQLite in Go) and mattn (SQLite in C, through cgo),
as multiples of raw on modernc. The store works with any database/sql driver, so the
application chooses. Reads that do not wait for the disk are faster with cgo. Where a
request waits for the disk, or writers share a commit, the difference is small. The
default is modernc: it cross-compiles and needs no C compiler.

`

const processesText = `Each request reads a key and adds one to a counter. Each process has 4 clients. They use
their own sessions, or all clients of all processes share one session. With one session,
requests of the same process are stored together, so there are fewer updates than
requests. Updates of different processes conflict; the library retries such an update on
the newer session. Each run compares the counters with the number of successful requests.

`

const representationText = `The table compares formats in which a session could be stored. *read one* loads a session
and reads one key. *read ten* loads it and reads ten keys. *read and set* loads it, reads
one key, sets another and encodes it. The keys are at the end of the session, the worst
case for a format that is scanned.

For scanned JSON text, the format of this library, the table shows times; for the others,
multiples of these times. The maps decode a value when it is read, except gob, which must
decode all values at load.

`

const runsText = `Parts are measured separately. *load before* is the load average of the minute before the
part started. If it is higher than the number of cores, other programs were running: then
compare ratios, not times.

`
