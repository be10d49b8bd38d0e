package filestore

// Scratch is for the tests of package filestore_test.
var Scratch = scratch
