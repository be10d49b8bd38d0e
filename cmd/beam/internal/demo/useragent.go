package demo

import "strings"

// A device is a short description of a User-Agent header. It is enough for users to recognize
// their own devices. A library of all devices would need monthly updates.
type device struct {
	Browser string // "Firefox 143", "" if unknown
	System  string // "Linux", "" if unknown
}

// String returns text such as "Firefox 143 on Linux".
func (d device) String() string {
	switch {
	case d.Browser == "" && d.System == "":
		return "Unknown device"
	case d.Browser == "":
		return d.System
	case d.System == "":
		return d.Browser
	}
	return d.Browser + " on " + d.System
}

// browsers maps product tokens to browsers. The order matters: nearly all browsers claim to be
// Safari, and most of those claim to be Chrome.
var browsers = []struct{ token, name string }{
	{"Edg/", "Edge"},
	{"EdgA/", "Edge"},
	{"EdgiOS/", "Edge"},
	{"OPR/", "Opera"},
	{"SamsungBrowser/", "Samsung Internet"},
	{"Vivaldi/", "Vivaldi"},
	{"FxiOS/", "Firefox"},
	{"Firefox/", "Firefox"},
	{"CriOS/", "Chrome"},
	{"HeadlessChrome/", "Chromium"},
	{"Chromium/", "Chromium"},
	{"Chrome/", "Chrome"},
	{"Version/", "Safari"},
	{"curl/", "curl"},
	{"Wget/", "Wget"},
	{"Go-http-client/", "Go program"},
}

// systems is ordered from specific to general: Android also claims to be Linux.
var systems = []struct{ token, name string }{
	{"iPhone", "iPhone"},
	{"iPad", "iPad"},
	{"Android", "Android"},
	{"CrOS", "ChromeOS"},
	{"Windows", "Windows"},
	{"Mac OS X", "macOS"},
	{"Linux", "Linux"},
	{"FreeBSD", "FreeBSD"},
	{"OpenBSD", "OpenBSD"},
}

// describe parses a User-Agent header.
func describe(agent string) device {
	var d device
	for _, b := range browsers {
		_, rest, ok := strings.Cut(agent, b.token)
		if !ok || b.name == "Safari" && !strings.Contains(agent, "Safari/") {
			continue
		}
		d.Browser = b.name
		if v := leadingDigits(rest); v != "" && b.name != "Go program" { // its number is the HTTP version
			d.Browser += " " + v
		}
		break
	}
	for _, s := range systems {
		if strings.Contains(agent, s.token) {
			d.System = s.name
			break
		}
	}
	return d
}

func leadingDigits(s string) string {
	i := 0
	for i < len(s) && s[i] >= '0' && s[i] <= '9' {
		i++
	}
	return s[:i]
}
