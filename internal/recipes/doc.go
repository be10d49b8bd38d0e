// Package recipes has a folder for each framework that needs no adapter: a small program with
// sessions, in the words of the framework, and its tests. The file docs/frameworks.md quotes
// these programs.
package recipes
