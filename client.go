package session

import (
	"net"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A Client describes the client of a request. Both fields are UTF-8. What a manager
// records has no control or format characters, such as line breaks or direction marks.
type Client struct {
	Address   string `json:"address,omitempty"`    // an IP address without port, at most 64 bytes; "" if not recorded
	UserAgent string `json:"user_agent,omitempty"` // at most 500 bytes; "" if not recorded
}

// remoteClient is the default of Config.Client. It trusts no forwarding header:
// anybody can send one.
func remoteClient(r *http.Request) Client {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	c := Client{Address: host}
	if agent := r.Header["User-Agent"]; len(agent) > 0 {
		c.UserAgent = agent[0]
	}
	return c
}

// clean cuts and repairs text from outside, so that every store can keep it.
func (c Client) clean() Client {
	return Client{Address: cleanText(c.Address, 64), UserAgent: cleanText(c.UserAgent, 500)}
}

func cleanText(s string, limit int) string {
	if len(s) <= limit && ascii(s) {
		return s
	}
	if len(s) > limit {
		s = s[:limit] // a rune cut in half goes with the invalid bytes
	}
	return strings.Map(func(r rune) rune {
		// Control characters move the cursor of a terminal that prints a log, and format
		// characters, such as direction marks, make text look like another one.
		if unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
}

// NoClient is a [Config.Client] that records nothing.
func NoClient(*http.Request) Client { return Client{} }

func ascii(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf-1 || s[i] < ' ' { // DEL is a control character, too
			return false
		}
	}
	return true
}
