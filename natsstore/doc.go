// Package natsstore keeps sessions in a KeyValue bucket of NATS JetStream, through
// [github.com/nats-io/nats.go/jetstream]. It needs NATS server 2.11 or later.
//
//	conn, err := nats.Connect("nats://localhost", nats.MaxReconnects(-1))
//	…
//	js, err := jetstream.New(conn)
//	…
//	store, err := natsstore.New(js, natsstore.Config{})
//	…
//	if err := store.Check(ctx); err != nil {
//		log.Fatal(err) // such as: there is no such bucket; create it with: …
//	}
//	manager, err := session.New(store, session.Config{})
//
// The program owns the connection, and closes it after the manager.
//
// # The bucket
//
// The store never creates or changes a bucket. Create one for the sessions alone:
//
//	js.CreateKeyValue(ctx, jetstream.KeyValueConfig{
//		Bucket:         "sessions",
//		Replicas:       3,
//		LimitMarkerTTL: time.Minute, // lets each session have a lifetime of its own
//	})
//
// A history above 1 and a TTL of the bucket lose sessions or bring them back, so [Store.Check]
// refuses them. The store needs to publish to $KV.sessions.>, $JS.API.STREAM.INFO.KV_sessions
// and $JS.API.STREAM.MSG.GET.KV_sessions, and to subscribe to _INBOX.>. To tell other processes at
// once that a session has ended (see [session.Session.Watch]), it also publishes and subscribes
// to session.ended.sessions, where nothing is stored; without that permission, they notice it when
// they poll.
//
// The key id.<xx>.<id> holds the record of a session in a binary format, with the document as
// JSON text at its end; xx are the first two digits of the ID. The keys
// owner.<hash>.<id>.<number> are an index, by which ListOwner finds the sessions of an owner.
// An entry is stored before the record that needs it, outlives it, and is checked against
// it, so the index may name too many sessions, and never too few.
//
// # Consistency
//
// A load asks the leader of the bucket, and not the nearest replica as a KeyValue client does,
// because a replica may lag behind, and miss a session that has just been stored. A write
// names the sequence number of the message that it replaces, so that no write undoes another
// one. All writes of a session go through the leader, which acknowledges them when a majority
// of the replicas has them.
//
// A leader that is cut off from the other servers can't accept writes. It may answer loads
// with older data until it notices that, which takes about ten seconds.
//
// # Round trips
//
// A load and a create take one round trip. An update, a touch and a delete take two: the first
// one reads the sequence number and the number of the index entry. A touch writes the whole
// record, because NATS can't change the lifetime of a message; raise Config.TouchEvery if that
// is too much. A new owner takes one more round trip, and so does, from time to time, an update
// or a touch that has to renew the index entry.
//
// # Expiry
//
// Each message has a lifetime that ends at ExpiresAt plus [session.PruneSlack]. The server
// then removes it, so pruning costs nothing. The store does not show a record any more from
// that instant on, by the clock of its own machine.
//
// A deletion leaves a marker for five minutes, and an expiry one for LimitMarkerTTL, so a
// KeyValue watch of the keys id.> learns when sessions end. The store itself does not use such a
// watch: it would bring every write of every session to every process.
//
// # Limits
//
// A record must fit into one message, which has up to 1 MiB by default (max_payload of the
// server), a few KiB less than the default MaxBytes of a [session.Config]. [Store.Warnings]
// says which MaxBytes fits. A larger record fails with [session.ErrTooLarge], and a bucket that
// has reached its MaxBytes with [session.ErrFull].
//
// # Failures
//
// When a server is lost, calls wait until another one answers, up to the deadline of their
// context, which a manager sets from StoreTimeout. After the loss of the leader, the others
// wait for four to nine seconds before they elect another one, so requests hardly notice it
// with a StoreTimeout of 15 seconds, and fail with 503 for a while with the default of five.
// Without a deadline, a call waits for as long as the JetStream context does by default, five
// seconds.
//
// If the answer to a write is lost, the store looks whether the write has been stored, by a
// random number in the record, and otherwise sends it again; it takes effect once. While the
// client has no connection, the store sends nothing that could be stored after the call has
// failed.
//
// With three replicas, no acknowledged write is lost when a server stops or is killed. By
// default, a server leaves it to its operating system when to write to the disk, and forces it
// every two minutes. So when a majority of the servers loses its power at the same time, the
// latest writes are lost, logouts included, unless the servers have sync_interval: always.
// With one replica, this holds for a single server.
//
// # Configuration files
//
// Package sessionconfig takes the store under a name that the program chooses:
//
//	manager, err := sessionconfig.Open(ctx, "config", sessionconfig.With("nats", natsstore.Open))
//
// The fields of [Connection] are then keys of session.toml, and variables:
//
//	store = "nats"
//	[stores.nats]
//	url = "nats://127.0.0.1:4222" # SESSION_STORES__NATS__URL
//	bucket = "sessions"
//	credentials_file = ""
//	tls_ca_file = ""
//	tls_cert_file = ""
//	tls_key_file = ""
package natsstore
