package sessionconfig

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"
)

// A .env file means what it means to a shell, as far as it has no commands.
func TestParseDotenv(t *testing.T) {
	environ := map[string]string{"HOME": "/home/ada", "EMPTY": "", "lower": "x", "DIR": "/from/environment"}
	for text, want := range map[string]string{
		"A=b":                              "A:b",
		"\n# A=c\n  export A = b # c\r\n":  "A:b",
		"A: b":                             "A:b",
		"A=#b":                             "A:#b",
		"A= # b":                           "A:",
		"A=b#c # d # e":                    "A:b#c",
		"A=\nB=":                           "A: B:",
		`A="b # c" # d`:                    "A:b # c",
		`A='b\n"$HOME' # d`:                `A:b\n"$HOME`,
		`A="b\n\"c\\ \t\$HOME"`:            "A:b\n\"c\\ t$HOME",
		"A=\"b\nB=c\"\nC=d":                "A:b\nB=c C:d",
		`A=b\n\$HOME "`:                    `A:b\n$HOME "`,
		"A=${HOME}/x":                      "A:/home/ada/x",
		"A=$HOME/x":                        "A:/home/ada/x",
		`A="$HOME/x"`:                      "A:/home/ada/x",
		"A=${lower}":                       "A:x",
		"A=pa$word$5$":                     "A:pa$word$5$",
		"B=1\nA=${B}2":                     "B:1 A:12",
		"DIR=/from/file\nA=${DIR}":         "DIR:/from/file A:/from/environment",
		"A=${B}\nB=1":                      "A:?${B} B:1",
		"A=${EMPTY}x":                      "A:?${EMPTY}x",
		"A=a${HOME:-x}b":                   "A:?a${HOME:-x}b",
		"A=${HOME":                         "A:?${HOME",
		"B=${GONE}/b\nA=${B}/a":            "B:?${GONE}/b A:?${B}/a",
		`A='${GONE}'`:                      "A:${GONE}",
		"A=1\nA=2":                         "A:2",
		"what is this":                     "malformed 1",
		"A=1\n\nB":                         "malformed 3",
		"A=\"1\n2\"\nB=\"3\nC=4\n":         "malformed 3",
		`A="b"c`:                           "malformed 1",
		`A='b`:                             "malformed 1",
		"A=\"1\n2\"\n\nB='x\ny\nz'\nother": "malformed 7",
	} {
		all, malformed := parseDotenv(text, environ)
		got := "malformed " + string(rune('0'+malformed))
		if malformed == 0 {
			var parts []string
			for _, name := range slices.SortedFunc(maps.Keys(all), func(a, b string) int { return all[a].line - all[b].line }) {
				value := all[name].value
				if all[name].raw != "" {
					value += "?" + all[name].raw
				}
				parts = append(parts, name+":"+value)
			}
			got = strings.Join(parts, " ")
		}
		if got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

// Every text file may begin with a byte order mark, as editors of Windows write it.
func TestField21ByteOrderMark(t *testing.T) {
	const bom = "\ufeff"
	project(t, map[string]string{
		"config/session.toml":  bom + "store = \"null\"\nlifetime = \"3h\"\n",
		"config/database.toml": bom + "[connections.main]\ndriver = \"mysql\"\ndatabase = \"app\"\n",
		".env":                 bom + "DB_CONNECTIONS__MAIN__PASSWORD_FILE=pw\n",
		"pw":                   bom + "hunter2\r\n",
	})
	c := load(t, nil)
	if v := value(t, c, "lifetime"); v.Value != `"3h"` || v.Origin.Line != 2 {
		t.Errorf("lifetime is %s, from %s", v.Value, v.Origin)
	}
	if got := c.connections["main"].settings.text("password"); got != "hunter2" {
		t.Errorf("the password is %q", got)
	}
}

// UTF-16, which Windows PowerShell writes, is refused by its name, whether or not it begins
// with a byte order mark.
func TestField21UTF16(t *testing.T) {
	good := map[string]string{
		"config/session.toml":  "store = \"null\"\n",
		"config/database.toml": "[connections.main]\ndriver = \"mysql\"\ndatabase = \"app\"\n",
		".env":                 "DB_CONNECTIONS__MAIN__PASSWORD_FILE=pw\n",
		"pw":                   "hunter2\n",
	}
	for name := range good {
		for _, form := range []struct {
			big bool
			bom string
		}{{false, "\ufeff"}, {true, "\ufeff"}, {false, ""}, {true, ""}} {
			files := maps.Clone(good)
			var text []byte
			for _, u := range utf16.Encode([]rune(form.bom + good[name])) {
				if form.big {
					text = append(text, byte(u>>8), byte(u))
				} else {
					text = append(text, byte(u), byte(u>>8))
				}
			}
			files[name] = string(text)
			project(t, files)
			_, err := Load("config", WithEnv(nil), quiet)
			if all := Mistakes(err); len(all) == 0 || !strings.Contains(all[0].Error(), "it is UTF-16 or UTF-32; save it as UTF-8") {
				t.Errorf("%s, %+v: got %v", name, form, err)
			}
		}
	}
}

// A reference in .env means the environment first. One to nothing is a mistake: an empty
// text in its place would make another path of ${DATA_DIR}/x.
func TestField21References(t *testing.T) {
	const path = "SESSION_STORES__FILE__PATH"
	for _, tc := range []struct {
		dotenv  string
		environ []string
		want    string
	}{
		{path + "=${DATA_DIR}/x", []string{"DATA_DIR=/data"}, "/data/x"},
		{path + "=\"$DATA_DIR/x\"", []string{"DATA_DIR=/data"}, "/data/x"},
		{"DATA_DIR=/file\n" + path + "=${DATA_DIR}/x", []string{"DATA_DIR=/data"}, "/data/x"},
		{"DATA_DIR=/file\n" + path + "=${DATA_DIR}/x", []string{"DATA_DIR="}, "/file/x"},
		{path + "='${DATA_DIR}/x'", nil, "${DATA_DIR}/x"},
		{path + "=${DATA_DIR}/x", []string{path + "=/other"}, "/other"},
		{"OTHER=${DATA_DIR}/x\n" + path + "=/other", nil, "/other"},
		{"# where\n" + path + "=${DATA_DIR}/x", nil,
			"session: " + path + ` (.env:2): stores.file.path = "${DATA_DIR}/x": ` + undefinedReference},
		{path + "=${DATA_DIR}/x\nDATA_DIR=/late", nil,
			"session: " + path + ` (.env:1): stores.file.path = "${DATA_DIR}/x": ` + undefinedReference},
		{path + "=${DATA_DIR:-/data}/x", []string{"DATA_DIR=/data"},
			"session: " + path + ` (.env:1): stores.file.path = "${DATA_DIR:-/data}/x": ` + undefinedReference},
	} {
		project(t, map[string]string{"config/session.toml": "store = \"file\"\n", ".env": tc.dotenv + "\n"})
		c, err := Load("config", WithEnv(tc.environ), quiet)
		got := c.settings.text("stores.file.path")
		if err != nil {
			got = err.Error()
		}
		if filepath.ToSlash(got) != tc.want {
			t.Errorf("%q, %q:\ngot  %s\nwant %s", tc.dotenv, tc.environ, got, tc.want)
		}
	}
}

// A password with a $ in double quotes may refer to a variable by accident. The mistake does
// not quote it.
func TestField21ReferenceInPassword(t *testing.T) {
	project(t, map[string]string{
		"config/session.toml":  "store = \"null\"\n",
		"config/database.toml": "[connections.main]\ndriver = \"mysql\"\ndatabase = \"app\"\n",
		".env":                 "DB_CONNECTIONS__MAIN__PASSWORD=\"hun$TER2\"\nDB_CONNECTIONS__MAIN__OPTIONS__X=$GONE\nDB_CONNECTIONS__MAIN__DSN_FILE=$GONE/x\n",
	})
	_, err := Load("config", WithEnv(nil), quiet)
	if n := len(Mistakes(err)); n != 3 || strings.Contains(err.Error(), "TER2") || strings.Count(err.Error(), undefinedReference) != 3 {
		t.Errorf("got %v", err)
	}
}

// The quotes that docker --env-file keeps are refused; the same quotes in .env belong to its
// syntax.
func TestField21Quotes(t *testing.T) {
	files := map[string]string{
		"config/session.toml":  "store = \"file\"\n",
		"config/database.toml": "default = \"main\"\n[connections.main]\ndriver = \"mysql\"\ndatabase = \"app\"\n",
	}
	for _, name := range []string{
		"SESSION_STORES__FILE__PATH", "SESSION_LIFETIME", "SESSION_TRUSTED_ORIGINS", "SESSION_SECURE", "DB_CONNECTION",
		"DB_CONNECTIONS__MAIN__HOST", "DB_CONNECTIONS__MAIN__PASSWORD", "DB_CONNECTIONS__MAIN__DSN_FILE", "DB_CONNECTIONS__MAIN__OPTIONS__TLS",
	} {
		for _, quote := range []string{`"`, `'`} {
			if quote == "'" && strings.Contains(name, "__OPTIONS__") {
				continue // it may be a text in SQL
			}
			project(t, files)
			_, err := Load("config", WithEnv([]string{name + "=" + quote + "x" + quote}), quiet)
			if all := Mistakes(err); len(all) != 1 || all[0].Variable != name || all[0].Reason != keptQuotes {
				t.Errorf("%s: got %v", name, err)
			}
		}
	}
	project(t, map[string]string{"config/session.toml": "store = \"file\"\n", ".env": "SESSION_STORES__FILE__PATH=\"/data\"\n"})
	c := load(t, []string{`SESSION_MANAGER="local"`, `SESSION_DOMAIN=`})
	if got := c.settings.text("stores.file.path"); got != "/data" {
		t.Errorf("the path is %s", got)
	}
}
