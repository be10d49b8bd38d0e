package sessionconfig

import (
	"fmt"
	"net"
	"os"
	"strings"

	"github.com/expanse-go/session/internal/fileowner"
)

// The functions in this file report settings that are valid but hardly intended. [Open] logs
// them, and beam config check prints them.

// warnOfDomain reports a domain for which browsers keep no cookie.
func (c *Config) warnOfDomain(l *loader) {
	domain := strings.Trim(c.session.Cookie.Domain, ".")
	if domain != "" && !c.settings.bad["domain"] && !strings.Contains(domain, ".") {
		l.warn(c.settings.mistake("", "domain", "has no dot, so browsers accept the cookie on the host of that name only", "remove it"))
	}
}

// warnOfHTTP reports plain HTTP on what looks like a public site.
func (c *Config) warnOfHTTP(l *loader) {
	s := &c.settings
	cookie := &c.session.Cookie
	if sign := c.publicSign(); sign != "" && cookie.DangerouslyAllowHTTP && cookie.IsHTTPS == nil && !s.bad["dangerously_allow_http"] {
		l.warn(s.mistake("", "dangerously_allow_http", "is for development, but "+sign+", as on a public site: anyone on the network can read and set the cookie",
			"remove it where the site is served over HTTPS; for a site that also serves plain HTTP, set Cookie.IsHTTPS with sessionconfig.Configure"))
	}
}

// publicSign returns a setting that developers hardly need on their own computers.
func (c *Config) publicSign() string {
	if c.session.Cookie.Domain != "" {
		return "domain is set"
	}
	for _, origin := range c.session.TrustedOrigins {
		if strings.HasPrefix(strings.ToLower(origin), "https:") {
			return "trusted_origins has " + origin
		}
	}
	if con, _ := c.storeConnection(); con != nil && c.StoreName() == "database" && con.isRemote() {
		return "the database is on " + con.settings.text("host")
	}
	return ""
}

// isRemote reports whether the database is on another computer. A host without a dot may be
// a container on the same one.
func (c *connection) isRemote() bool {
	if !c.settings.given("host") || c.settings.given("dsn") || c.isSocket() {
		return false
	}
	host := c.settings.text("host")
	if ip := net.ParseIP(host); ip != nil {
		return !ip.IsLoopback() && !ip.IsUnspecified()
	}
	return strings.Contains(host, ".") && !strings.HasSuffix(host, ".docker.internal")
}

// warnOfSwitches reports dangerous switches in .env. That file is not under version control,
// so nobody reviews it, and a copy on a server is easily forgotten.
func (c *Config) warnOfSwitches(l *loader) {
	s := &c.settings
	for _, key := range s.keys() {
		name := key[strings.LastIndex(key, ".")+1:]
		inDotenv := s.entries[key].origin.layer() == layerDotenv
		if !strings.HasPrefix(name, "dangerously_") || !s.yes(key) || !inDotenv || key == "dangerously_allow_http" && c.publicSign() != "" {
			continue
		}
		reason := "is for development"
		for _, d := range dangers {
			if d.needs == key && d.weak(s) {
				reason += ", because it weakens the cookie: " + d.because
				break
			}
		}
		l.warn(s.mistake("", key, reason, "remove it from .env on a server"))
	}
}

// warnOfFile reports a file that another user can change, and with it who may sign in.
func (r *report) warnOfFile(path string) {
	info, err := os.Stat(path)
	if err != nil {
		return // reading it reports that
	}
	uid, foreign := fileowner.Foreign(info)
	switch {
	case fileowner.WritableBy(info, 0o002):
		r.warn(&Error{File: path, Reason: fmt.Sprintf("can be changed by every user of this computer (mode %04o)", info.Mode().Perm()),
			Hint: "run: chmod o-w " + path})
	case foreign:
		r.warn(&Error{File: path, Reason: fmt.Sprintf("belongs to user %d, who can change it, but this program runs as user %d", uid, os.Geteuid()),
			Hint: fmt.Sprintf("run: chown %d %s (or chown root)", os.Geteuid(), path)})
	}
}
