// Package redisstore keeps sessions in Redis 6.2 or later, or in Valkey, through a client of
// [github.com/redis/go-redis/v9]: a single server, servers behind Sentinel, or a cluster.
//
//	client := redis.NewClient(&redis.Options{Addr: "localhost:6379", ContextTimeoutEnabled: true})
//	…
//	store, err := redisstore.New(client, redisstore.Config{})
//	…
//	if err := store.Check(ctx); err != nil {
//		log.Fatal(err) // such as: the ACL of the user forbids it; …
//	}
//	manager, err := session.New(store, session.Config{})
//
// [Open] also creates the client. A program that is configured with package sessionconfig uses
// this store with one option:
//
//	manager, err := sessionconfig.Open(ctx, "config", sessionconfig.WithRedis(redisstore.Open))
//
// It is tested with Redis 7.0.15, the redis-server of Debian 12. It uses no command and no option
// that is newer than Redis 6.2. Valkey, which forked from a later version, has all of them, but
// has not been tested.
//
// # Keys
//
// Each session has one key: the prefix and the ID, as in "session:0f3c…". Its value is binary, and
// ends with the session's data. Redis deletes the key an hour after the session's expiry
// ([session.PruneSlack]), so nothing has to be pruned. All keys begin with [Config].Prefix.
//
// Each account (owner) has a sorted set with the IDs of its sessions, such as
// "session:owner:ana%40example.com". ListOwner reads it and compares the owner of each session. An
// ID is added before the session is stored, and removed after the session has ended or changed
// its owner, so the set may have too many IDs, but lacks none. Excess IDs are removed a day after
// the session has expired, and the set expires by itself.
//
// The store needs neither keyspace notifications nor a module. No command or script has more than
// one key, so no slot of a cluster matters. KEYS is never used, and SCAN only by List, by a Prune
// for an instant that is not yet an hour ago, and by ListOwner of the owner "".
//
// # Commands
//
// A load is one GET, a new session one SET with NX. An update, a touch and a delete are one Lua
// script each, which is sent by its digest. If the server does not have the script, after a
// restart, a failover, SCRIPT FLUSH or the migration of a slot, the store sends its text. A login,
// a logout and a new session with an owner take one or two more commands, for the index.
//
// A session is at most 512 MB, the limit of Redis (proto-max-bulk-len), and should be much smaller:
// every load transfers all of it, and Redis has one thread. The manager's MaxBytes is 1 MiB.
//
// go-redis sends a command again if the connection was lost, so a script may run twice. Each
// write has a random number, which the value keeps, and a script that finds its own number reports
// success. So a lost answer neither turns a success into [session.ErrConflict], nor stores
// anything twice. If other writes have followed in the meantime, the second run changes nothing
// and returns ErrConflict; the manager then finds its commit among those in the envelope.
//
// # Many requests at once
//
// With one server, or with Sentinel, commands that wait at the same time share a pipeline once two
// are on their way. To a distant server, more are sent at once, as long as the pool has a free
// connection. In a cluster, where a pipeline would wait for its slowest node, commands are sent
// alone; to let them share pipelines there, pass a [redis.AutoPipeliner], which go-redis calls
// experimental:
//
//	client := redis.NewClusterClient(…)
//	pipelined, err := client.AutoPipeline()
//	…
//	store, err := redisstore.New(pipelined, redisstore.Config{Base: client})
//
// With [Config].CacheFor, which is off by default, loads of a session that was just loaded ask no
// server. It suits a single process, or sticky sessions. The client-side cache of go-redis is not
// used: it is experimental, and serves only one server with RESP3.
//
// # Deadlines
//
// A call ends when its context does, whatever the client does; the context of a manager ends after
// StoreTimeout. By default, go-redis does not look at the deadline while it waits for an answer,
// and an AutoPipeliner ignores the context of a command that it has queued. The command then goes
// on until the timeouts of the client, and may still take effect. Set ContextTimeoutEnabled, as
// Open does, so that the client ends it at the deadline.
//
// # Durability and failover
//
// Redis confirms a write before it is on disk and before a replica has it. By default, Debian's
// redis-server saves a snapshot every few minutes: after a crash, the sessions of the last minutes
// are missing or outdated. With "appendonly yes", Redis loses at most a second (appendfsync
// everysec) or nothing (always).
//
// After a failover of Sentinel or of a cluster, and after a snapshot is restored, writes that the
// new primary did not receive are lost: sessions may be missing or outdated, and a session that was
// logged out or revoked in one of those writes is valid again. In a cluster, the index of an owner
// may lack a session that exists, because they are on different servers; RevokeOwner then misses
// this session. Nothing else breaks: a session is never a mixture, no write is stored twice, and a
// write that was answered with a 409 is not stored.
//
// How much is lost depends on how far the replica is behind. A primary that is killed on a good
// network usually loses nothing. One that has lost its replicas, and fails later, loses everything
// that it has confirmed in between. One that hangs and wakes up after it has been replaced loses what
// it then confirms, until Sentinel or the cluster tells it. Two settings of the server limit that:
//
//	min-replicas-to-write 1    # refuse writes without a replica …
//	min-replicas-max-lag 1     # … that has answered within a second
//
// The primary takes up to three seconds to notice, and loses the writes that it confirms in that
// time. Then writes fail with a [*session.StoreError], and a manager answers 503. The settings cost
// no time. The store does not use WAIT, which costs a round trip, and which can tell that no
// replica has a write, but cannot undo the write. Where a revocation must never be lost, use
// PostgreSQL with a synchronous replica.
//
// While a failover or the migration of a slot is in progress, go-redis follows the answers MOVED
// and ASK, and the store needs nothing from it. With a timeout of two seconds for a node, a cluster
// and Sentinel replace a primary that is dead or hangs after about three; until then, requests for
// its sessions get a 503.
//
// Set maxmemory-policy to noeviction. With other policies, Redis signs users out when its memory is
// full; [Store.Warnings] says so. With noeviction, a write then fails with [session.ErrFull].
//
// # Clocks
//
// Redis deletes sessions by its own clock, which may differ from those of the programs by an hour.
// [session.Config].Now must not be further away from it: a test that sets its clock to the past
// finds no sessions.
//
// # Permissions
//
// A user with an ACL needs these rules, with the prefix in place of "session:". SCAN is for List
// only. Check names them when one is missing, except those of the channel: without them, a context
// of [session.Session.Watch] ends only when the manager polls.
//
//	ACL SETUSER app on >password ~session:* +get +set +getrange +setrange +del +pexpireat
//	+eval +evalsha +zadd +zrem +zrevrange +zremrangebyscore +zscan +scan +info
//	&session:ended +publish +subscribe
//
// go-redis itself uses HELLO, CLIENT and PING, Sentinel needs nothing else, and a cluster also needs
// CLUSTER (+hello +client +ping +cluster).
package redisstore
