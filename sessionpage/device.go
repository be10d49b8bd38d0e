package sessionpage

import (
	"strings"
	"unicode"

	useragent "github.com/medama-io/go-useragent"

	"github.com/expanse-go/session"
)

// A Device describes the browser or program that uses a session, so that users recognize
// their own. A client may claim to be any device.
type Device struct {
	Browser string // such as "Firefox 143"; "" if unknown
	System  string // such as "Windows"; "" if unknown
	Kind    Kind   // "" if unknown
}

// A Kind is a kind of device. It determines the picture on the page.
type Kind string

// The kinds of devices.
const (
	Desktop Kind = "desktop"
	Phone   Kind = "phone"
	Tablet  Kind = "tablet"
	TV      Kind = "tv"
	Bot     Kind = "bot"
)

// ParseDevice describes a User-Agent header by the rules of
// [github.com/medama-io/go-useragent]. Both names are from fixed lists, and a version has
// digits only, so that the header cannot put text of its choice on a page. The first call
// takes some tens of milliseconds, to build a table of about 5 MB, which stays in memory.
func ParseDevice(userAgent string) Device {
	agent := useragent.NewParser().Parse(userAgent)
	d := Device{Browser: string(agent.Browser()), System: string(agent.OS())}
	if major := agent.BrowserVersionMajor(); d.Browser != "" && digits(major) {
		d.Browser += " " + major
	}
	if d.System == "MacOS" {
		d.System = "macOS"
	}
	switch {
	case agent.IsBot():
		d.Kind = Bot
	case agent.IsTV():
		d.Kind = TV
	case agent.IsTablet():
		d.Kind = Tablet
	case agent.IsMobile():
		d.Kind = Phone
	case agent.IsDesktop():
		d.Kind = Desktop
	}
	return d
}

func digits(s string) bool {
	return s != "" && len(s) <= 6 && strings.Trim(s, "0123456789") == ""
}

// parseClient is the default of the hooks named Device.
func parseClient(c session.Client) Device { return ParseDevice(c.UserAgent) }

// clean cuts what a hook returns.
func (d Device) clean() Device {
	return Device{Browser: clip(d.Browser), System: clip(d.System), Kind: d.Kind}
}

func unusual(r rune) bool { return r < ' ' || r > '~' }

// longest is the maximum length of a text from outside, in characters.
const longest = 64

// clip makes text from outside harmless: it removes control and format characters, such as
// line breaks and direction marks, which make text look like another one, and cuts it.
func clip(s string) string {
	if len(s) > 4*longest {
		s = s[:4*longest]
	}
	if len(s) <= longest && strings.IndexFunc(s, unusual) < 0 { // nearly always
		return strings.TrimSpace(s)
	}
	var b strings.Builder
	n := 0
	for _, r := range strings.ToValidUTF8(s, "") {
		if unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp) {
			continue
		}
		if n++; n > longest {
			b.WriteRune('…')
			break
		}
		b.WriteRune(r)
	}
	return strings.TrimSpace(b.String())
}
