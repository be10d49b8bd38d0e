package bench

import (
	"fmt"
	"strings"
)

// fill sets keys as described by arg, for example "200x50" for 200 keys of 50 bytes.
func fill(s Session, arg string) {
	var keys, size int
	if _, err := fmt.Sscanf(arg, "%dx%d", &keys, &size); err != nil {
		panic("bench: invalid fill " + arg + ", want <keys>x<bytes>")
	}
	s.Set("name", "Alexandra")
	s.Set("visits", 41)
	value := strings.Repeat("v", size)
	for i := range keys {
		s.Set(fmt.Sprintf("key%04d", i), value)
	}
}

// FillSize returns the approximate size of such a session as JSON.
func FillSize(arg string) int {
	var keys, size int
	if _, err := fmt.Sscanf(arg, "%dx%d", &keys, &size); err != nil {
		panic("bench: invalid fill " + arg + ", want <keys>x<bytes>")
	}
	return 32 + keys*(size+13)
}
