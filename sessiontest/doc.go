// Package sessiontest helps to test programs that use sessions, and stores.
package sessiontest
