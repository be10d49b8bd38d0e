package main

import (
	"context"
	"os/exec"
)

// findChromium returns a browser that speaks the DevTools protocol.
func findChromium() string {
	const mac = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
	for _, program := range []string{"chromium", "chromium-browser", "google-chrome", mac} {
		if found, err := exec.LookPath(program); err == nil {
			return found
		}
	}
	return ""
}

// startNothing is for a program that each test starts by itself, as often as it needs it:
// its value is the program.
func startNothing(_ context.Context, program, _ string, _ bool) (string, func(), error) {
	return program, func() {}, nil
}
