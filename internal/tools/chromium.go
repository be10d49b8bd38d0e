package main

import "context"

func findChromium() string {
	return lookup("/Applications/*/Contents/MacOS", "chromium", "chromium-browser", "google-chrome", "Google Chrome", "Chromium")
}

// startChromium has nothing to start: a test starts its own browsers.
func startChromium(_ context.Context, program, _ string, _ bool) (string, func(), error) {
	return program, func() {}, nil
}
