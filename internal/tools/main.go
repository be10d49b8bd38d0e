// Command tools is the workshop of this repository.
package main

import _ "golang.org/x/mod/modfile"

func main() {}
