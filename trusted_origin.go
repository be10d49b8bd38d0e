package session

import (
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

const originForm = "write it as scheme://host[:port], without a path"

// normalOrigin returns an origin as browsers write it into the Origin header, because one
// written differently would match nothing. If it cannot be trusted, it returns the reason.
func normalOrigin(text string) (origin, reason string) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme == "" || u.Path != "" || strings.ContainsAny(text, "?#@") {
		return "", originForm
	}
	host, port := strings.ToLower(u.Hostname()), ""
	if p := u.Port(); p != "" {
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil {
			return "", originForm
		}
		if port = ":" + strconv.FormatUint(n, 10); u.Scheme+port == "https:443" || u.Scheme+port == "http:80" {
			port = ""
		}
	}
	switch ip, err := netip.ParseAddr(host); {
	case err == nil && ip.Is6():
		host = "[" + ip.WithZone("").String() + "]"
	case strings.Contains(host, "*"):
		return "", "list each origin: a wildcard would also trust hosts that somebody else may control, such as a forgotten subdomain"
	case !ascii(host):
		return "", "write the host as browsers send it, with xn-- for each part that is not ASCII"
	case host == "" || strings.Trim(host, "abcdefghijklmnopqrstuvwxyz0123456789-_.") != "" || host[0] == '.' || strings.Contains(host, ".."):
		return "", originForm
	}
	return u.Scheme + "://" + host + port, ""
}
