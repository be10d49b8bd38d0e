// Package natstest runs NATS servers with JetStream for tests: one in this process, or a
// cluster whose servers are child processes, so that a test can kill them. Its own tests
// test natsstore, whose module need not require the server.
package natstest
