// Package browser tests the program "beam demo", the pages of package sessionpage, and the
// cookies of the library, with a real Chromium, a mouse and a keyboard. It has no code besides
// its tests.
//
// SESSION_TEST_CHROMIUM names the browser; the default is chromium in PATH. SESSION_TEST_AXE
// names the file axe.min.js of axe-core, which checks pages for accessibility. With
// SESSION_TEST_SHOTS=folder, the tests save a picture of every page in the folder.
package browser
