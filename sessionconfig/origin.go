package sessionconfig

import "fmt"

// redacted replaces a secret wherever a value is shown.
const redacted = "[redacted]"

// An Origin tells where a value comes from. The zero Origin means the default value.
type Origin struct {
	File     string // the file that was read; "" for the environment and for a default
	Line     int    // in File, from 1
	Variable string // the environment variable; "" for a TOML file
}

// String returns text such as "config/session.toml:12", "SESSION_STORE",
// "SESSION_STORE (.env:3)" or "default".
func (o Origin) String() string {
	if p := o.place(); p != "" {
		return p
	}
	return "default"
}

func (o Origin) place() string {
	at := o.File
	if at != "" && o.Line > 0 {
		at = fmt.Sprintf("%s:%d", o.File, o.Line)
	}
	switch {
	case o.Variable == "":
		return at
	case at == "":
		return o.Variable
	}
	return o.Variable + " (" + at + ")"
}

const layerDotenv = 2

// layer returns the precedence of the origin. A higher one overrides a lower one.
func (o Origin) layer() int {
	switch {
	case o.Variable == "" && o.File == "":
		return 0 // default
	case o.Variable == "":
		return 1 // TOML
	case o.File != "":
		return layerDotenv
	}
	return 3 // environment
}

// An entry is a value as given, before it is parsed.
type entry struct {
	value  any    // from TOML: string, bool, int64, float64, []any, …; else a string
	text   string // as written, for error texts
	origin Origin
	flaw   string // what is wrong with a variable, whatever it sets; "" if nothing is
}
