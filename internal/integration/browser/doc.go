// Package browser has no code of its own. Its tests start the program "beam demo"
// and use it as people do: with a real Chromium, a mouse and a keyboard.
//
// The browser is the one that SESSION_TEST_CHROMIUM names, or chromium in PATH.
// With SESSION_TEST_SHOTS=folder the tests leave a picture of every page there.
package browser
