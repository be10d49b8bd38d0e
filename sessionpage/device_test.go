package sessionpage_test

import (
	"regexp"
	"testing"

	"github.com/expanse-go/session/sessionpage"
)

var userAgents = []struct {
	agent string
	want  sessionpage.Device
}{
	{"", sessionpage.Device{}},
	{firefox, sessionpage.Device{Browser: "Firefox 143", System: "Linux", Kind: sessionpage.Desktop}},
	{iphone, sessionpage.Device{Browser: "Safari 18", System: "iOS", Kind: sessionpage.Phone}},
	{"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36", sessionpage.Device{Browser: "Chrome 140", System: "Windows", Kind: sessionpage.Desktop}},
	{"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0", sessionpage.Device{Browser: "Edge 140", System: "Windows", Kind: sessionpage.Desktop}},
	{"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15", sessionpage.Device{Browser: "Safari 18", System: "macOS", Kind: sessionpage.Desktop}},
	{"Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36", sessionpage.Device{Browser: "Chrome 140", System: "Android", Kind: sessionpage.Phone}},
	{"Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36", sessionpage.Device{Browser: "Samsung Browser 28", System: "Android", Kind: sessionpage.Phone}},
	{"Mozilla/5.0 (iPad; CPU OS 17_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/119.0.6045.169 Mobile/15E148 Safari/604.1", sessionpage.Device{Browser: "Chrome 119", System: "iOS", Kind: sessionpage.Tablet}},
	{"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36", sessionpage.Device{Browser: "Chrome 140", System: "ChromeOS", Kind: sessionpage.Desktop}},
	{"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36 OPR/122.0.0.0", sessionpage.Device{Browser: "Opera 122", System: "Windows", Kind: sessionpage.Desktop}},
}

func TestParseDevice(t *testing.T) {
	for _, tt := range userAgents {
		if got := sessionpage.ParseDevice(tt.agent); got != tt.want {
			t.Errorf("ParseDevice(%q) = %+v, want %+v", tt.agent, got, tt.want)
		}
	}
}

// Whatever a client sends, only known names and digits come out.
func FuzzParseDevice(f *testing.F) {
	for _, tt := range userAgents {
		f.Add(tt.agent)
	}
	f.Add("Android")
	f.Add("Firefox/<b>999</b>")
	f.Add("Chrome/99999999999999999999999999999999999999999999 \xff\x00 \u202e")
	known := regexp.MustCompile(`^([A-Z][A-Za-z]+( [A-Z][a-z]+)?( [0-9]{1,6})?)?$`)
	system := regexp.MustCompile(`^(Android|ChromeOS|iOS|Linux|OpenBSD|macOS|Windows)?$`)
	f.Fuzz(func(t *testing.T, agent string) {
		d := sessionpage.ParseDevice(agent)
		if !known.MatchString(d.Browser) || !system.MatchString(d.System) {
			t.Errorf("ParseDevice(%q) = %q", agent, d)
		}
	})
}
