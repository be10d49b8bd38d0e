// Package browser tests the program "beam demo", and the cookies of the library, with a real
// Chromium, a mouse and a keyboard. It has no code besides its tests.
//
// SESSION_TEST_CHROMIUM names the browser; the default is chromium in PATH. With
// SESSION_TEST_SHOTS=folder, the tests save a picture of every page in the folder.
package browser
