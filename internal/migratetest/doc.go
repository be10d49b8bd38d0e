// Package migratetest tests sessionmigrate with the libraries that sessions are taken over from:
// they write the records and the cookies.
package migratetest
