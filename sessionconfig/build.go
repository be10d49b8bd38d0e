package sessionconfig

import (
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"regexp"
	"strings"
	"unicode"

	"github.com/expanse-go/session"
)

// A danger is a setting that weakens the cookie, and the switch that must go with it,
// so that nobody weakens the cookie by accident or by copying a configuration.
type danger struct {
	key     string
	weak    func(*settings) bool
	onOff   bool // the switch alone is enough, and a safe value contradicts it
	needs   string
	because string
}

var dangers = []danger{
	{"secure", func(s *settings) bool { return !s.yes("secure") }, true,
		"dangerously_allow_http", "anyone on the network can then read and set it"},
	{"http_only", func(s *settings) bool { return !s.yes("http_only") }, true,
		"dangerously_allow_script", "an injected script can then steal it"},
	{"same_site", func(s *settings) bool { return s.text("same_site") == "none" }, false,
		"dangerously_allow_cross_site", "requests from other sites then carry it"},
	{"domain", func(s *settings) bool { return s.text("domain") != "" }, false,
		"dangerously_drop_host_prefix", "subdomains can then read and set it"},
	{"path", func(s *settings) bool { return s.text("path") != "/" }, false,
		"dangerously_drop_host_prefix", "subdomains can then set it"},
}

func (c *Config) checkDangers(l *loader) {
	s := &c.settings
	for _, d := range dangers {
		on, weak := s.yes(d.needs), d.weak(s)
		switch {
		case s.bad[d.key] || s.bad[d.needs]:
		case weak && !on:
			s.refuse(l, "", d.key, "weakens the cookie: "+d.because, fmt.Sprintf(
				"remove it, or confirm it with %s = true (%s=true)", d.needs, variable(sessionPrefix, d.needs)))
		case d.onOff && on && !weak:
			c.followSwitch(l, d)
		}
	}
}

// followSwitch resolves `secure = true` together with the switch that allows HTTP: the
// origin with the higher precedence wins. Within one origin, the two contradict each
// other.
func (c *Config) followSwitch(l *loader, d danger) {
	s := &c.settings
	said, switched := s.entries[d.key].origin, s.entries[d.needs].origin
	switch {
	case said.layer() > switched.layer():
		s.values[d.needs] = false
		s.entries[d.needs] = entry{text: "false", origin: said}
	case said.layer() < switched.layer():
		s.values[d.key] = false
		s.entries[d.key] = entry{text: "false", origin: switched}
	default:
		s.refuse(l, "", d.key, "contradicts "+d.needs+" = true", "remove one of them")
	}
}

// fields maps the fields of session.Config to keys.
var fields = map[string]string{
	"Cookie.Name":                      "name",
	"Cookie.Path":                      "path",
	"Cookie.Domain":                    "domain",
	"Cookie.SameSite":                  "same_site",
	"Cookie.Partitioned":               "partitioned",
	"Cookie.BrowserSession":            "clear_with_browser",
	"Cookie.DangerouslyAllowHTTP":      "dangerously_allow_http",
	"Cookie.DangerouslyAllowScript":    "dangerously_allow_script",
	"Cookie.DangerouslyDropHostPrefix": "dangerously_drop_host_prefix",
	"Cookie.DangerouslyAllowCrossSite": "dangerously_allow_cross_site",
	"IdleTimeout":                      "lifetime",
	"AbsoluteTimeout":                  "absolute_lifetime",
	"TouchEvery":                       "touch_every",
	"RotateEvery":                      "rotate_every",
	"Grace":                            "grace",
	"RevokeOnReuse":                    "revoke_on_reuse",
	"Application":                      "application",
	"StoreTimeout":                     "store_timeout",
	"MaxBytes":                         "max_bytes",
	"MaxPerOwner":                      "max_per_owner",
	"PruneEvery":                       "prune_every",
	"WatchEvery":                       "watch_every",
	"History":                          "history",
	"DangerouslyLogChanges":            "dangerously_log_changes",
	"TrustedOrigins":                   "trusted_origins",
	"Transport.Header":                 "token_header",
	"Transport.HeaderOnly":             "token_header_only",
	"Transport.KeyHeaders":             "api_key_headers",
	"Client":                           "client",
}

var sameSites = map[string]http.SameSite{
	"lax": http.SameSiteLaxMode, "strict": http.SameSiteStrictMode, "none": http.SameSiteNoneMode,
}

// buildSession builds the manager's settings and has session.New validate them.
func (c *Config) buildSession(l *loader) {
	c.checkDangers(l)
	s := &c.settings
	cfg := session.Config{
		Cookie: session.CookieConfig{
			Name:                      s.text("name"),
			SameSite:                  sameSites[s.text("same_site")],
			Partitioned:               s.yes("partitioned"),
			BrowserSession:            s.yes("clear_with_browser"),
			DangerouslyAllowHTTP:      s.yes("dangerously_allow_http"),
			DangerouslyAllowScript:    s.yes("dangerously_allow_script"),
			DangerouslyDropHostPrefix: s.yes("dangerously_drop_host_prefix"),
			DangerouslyAllowCrossSite: s.yes("dangerously_allow_cross_site"),
			Domain:                    s.text("domain"),
		},
		IdleTimeout:    s.duration("lifetime"),
		RotateEvery:    s.duration("rotate_every"),
		Grace:          s.duration("grace"),
		RevokeOnReuse:  s.yes("revoke_on_reuse"),
		Application:    s.text("application"),
		StoreTimeout:   s.duration("store_timeout"),
		MaxBytes:       s.number("max_bytes"),
		MaxPerOwner:    s.number("max_per_owner"),
		PruneEvery:     s.duration("prune_every"),
		WatchEvery:     s.duration("watch_every"),
		History:        s.number("history"),
		TrustedOrigins: s.list("trusted_origins"),
		Transport: session.TransportConfig{
			Header:     s.text("token_header"),
			HeaderOnly: s.yes("token_header_only"),
			KeyHeaders: s.list("api_key_headers"),
		},

		DangerouslyLogChanges: s.yes("dangerously_log_changes"),

		Logger: c.logger,
	}
	if path := s.text("path"); path != "/" {
		cfg.Cookie.Path = path
	}
	// The defaults of these two depend on lifetime.
	if s.given("absolute_lifetime") {
		cfg.AbsoluteTimeout = s.duration("absolute_lifetime")
	}
	if s.given("touch_every") {
		cfg.TouchEvery = s.duration("touch_every")
	}
	if !s.yes("client") {
		cfg.Client = session.NoClient
	}
	c.session, c.written = cfg, cfg
	for _, f := range l.configure {
		f(&c.session)
	}
	_, err := session.New(session.Discard, c.session)
	c.mapMistakes(l.add, err)
	c.warnOfDomain(l)
	c.warnOfHTTP(l)
	c.warnOfSwitches(l)
}

// mapMistakes translates the manager's errors about fields into errors about keys. A
// field that Configure changed has no line, because the mistake is in the program.
func (c *Config) mapMistakes(add func(*Error), err error) {
	for _, ce := range configErrors(err) {
		key := keyOfField(ce.Field)
		switch {
		case key == "" || changed(c.written, c.session, ce.Field):
			add(&Error{Key: "Config." + ce.Field, Value: fmt.Sprint(ce.Value), Reason: ce.Reason, Err: ce,
				Hint: "it was set in code with sessionconfig.Configure"})
		case key == "absolute_lifetime" && !c.settings.given(key):
			// The value follows from lifetime, which is reported instead.
		case !c.settings.bad[key]:
			reason := inKeys(ce.Reason)
			m := c.settings.mistake("", key, reason, "")
			if !c.settings.given(key) { // then the setting that it was compared with was
				m.File, m.Line, m.Variable = c.placeOf(reason)
			}
			m.Err = ce
			add(m)
		}
	}
}

// placeOf returns the origin of the first setting named in reason that is set.
func (c *Config) placeOf(reason string) (file string, line int, variable string) {
	for word := range strings.FieldsFuncSeq(reason, func(r rune) bool { return r != '_' && !unicode.IsLetter(r) }) {
		if e, ok := c.settings.entries[word]; ok {
			return e.origin.File, e.origin.Line, e.origin.Variable
		}
	}
	return "", 0, ""
}

// configErrors returns every ConfigError in the error tree.
func configErrors(err error) []*session.ConfigError {
	for e := err; e != nil; e = errors.Unwrap(e) {
		switch e := e.(type) { //nolint:errorlint // the walk must visit every branch
		case *session.ConfigError:
			return []*session.ConfigError{e}
		case interface{ Unwrap() []error }:
			var all []*session.ConfigError
			for _, sub := range e.Unwrap() {
				all = append(all, configErrors(sub)...)
			}
			return all
		}
	}
	return nil
}

// keyOfField also accepts indexed fields, such as "TrustedOrigins[2]".
func keyOfField(field string) string {
	field, _, _ = strings.Cut(field, "[")
	return fields[field]
}

func changed(a, b session.Config, field string) bool {
	field, _, _ = strings.Cut(field, "[")
	get := func(c session.Config) string {
		v := reflect.ValueOf(c)
		for name := range strings.SplitSeq(field, ".") {
			v = v.FieldByName(name)
		}
		return fmt.Sprint(v)
	}
	return get(a) != get(b)
}

var goName = regexp.MustCompile(`\b(Config\.)?(Cookie\.|Transport\.)?[A-Z][A-Za-z]+\b`)

// inKeys replaces the names of Go fields with the keys of the file, and negative
// numbers with words such as "off".
func inKeys(reason string) string {
	reason = strings.ReplaceAll(reason, "set it negative", `set it to "off"`)
	return goName.ReplaceAllStringFunc(reason, func(name string) string {
		bare := strings.TrimPrefix(name, "Config.")
		if bare == "Secure" || bare == "HttpOnly" {
			return map[string]string{"Secure": "secure", "HttpOnly": "http_only"}[bare]
		}
		if key := fields[bare]; key != "" {
			return key
		}
		if key := fields["Cookie."+bare]; key != "" {
			return key
		}
		return name
	})
}
