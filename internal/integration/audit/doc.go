// Package audit has a test for each requirement in the audit of SECURITY.md. The name of a test
// begins with the number of its requirement:
//
//	go test work -run '^Test(ID|CK|LC|RS|CS|ST|BX)[0-9]'
//
// A test whose requirement depends on the store runs on each of them. [TestTable] compares the
// names with the table.
package audit
