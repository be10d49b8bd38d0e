package bench

import (
	"fmt"
	"strings"
)

// fill sets as many keys of as many bytes as "keys x bytes" says.
func fill(s Session, arg string) {
	var keys, size int
	if _, err := fmt.Sscanf(arg, "%dx%d", &keys, &size); err != nil {
		panic("bench: fill wants keys x bytes: " + arg)
	}
	s.Set("name", "Alexandra")
	s.Set("visits", 41)
	value := strings.Repeat("v", size)
	for i := range keys {
		s.Set(fmt.Sprintf("key%04d", i), value)
	}
}

// FillSize is the size that fill makes, about as JSON has it.
func FillSize(arg string) int {
	var keys, size int
	if _, err := fmt.Sscanf(arg, "%dx%d", &keys, &size); err != nil {
		panic("bench: fill wants keys x bytes: " + arg)
	}
	return 32 + keys*(size+13)
}
