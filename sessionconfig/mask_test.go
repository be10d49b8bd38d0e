package sessionconfig

import "testing"

// mask shortens whatever looks like an address with a password, and nothing else.
func TestMask(t *testing.T) {
	for value, want := range map[string]string{
		`"postgres://u:a/b@c@h/x"`:      `"postgres://[redacted]@h/x"`,
		`"u:pw@tcp(h)/x"`:               `"u:[redacted]@tcp(h)/x"`,
		`"host=h password='a b' x=1"`:   `"host=h password=[redacted]"`,
		`"https://a.example:8443/path"`: `"https://a.example:8443/path"`,
		`"data/me@home.db"`:             `"data/me@home.db"`,
		`"::1"`:                         `"::1"`,
		`"1h30m"`:                       `"1h30m"`,
	} {
		if got := mask(value); got != want {
			t.Errorf("%s: got %s, want %s", value, got, want)
		}
		if again := mask(want); again != want {
			t.Errorf("%s: got %s the second time", want, again)
		}
	}
	for text, want := range map[string]string{
		`dial u:pw@tcp(h:1): refused`:                   `dial u:[redacted]@tcp(h:1): refused`,
		`cannot open "redis://:pw@h:1": no route`:       `cannot open "redis://[redacted]@h:1": no route`,
		`missing "=" in password=pw dbname`:             `missing "=" in password=[redacted] dbname`,
		`Access denied (28000): user 'app'@'localhost'`: `Access denied (28000): user 'app'@'localhost'`,
		`write it as scheme://host[:port]`:              `write it as scheme://host[:port]`,
	} {
		if got := maskText(text); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}

// Server addresses are distinguished from file names.
func TestSQLiteAddress(t *testing.T) {
	for dsn, want := range map[string]bool{
		"file:app.db": false, "file:///var/app.db?mode=ro": false, "data/app.db": false, "/var/host=a.db": false, "me@home.db": false,
		"postgres://u:pw@h/x": true, "u:pw@tcp(h)/x": true, "u:pw@unix(/s)/x": true, "host=h user=u": true, "dbname=x PASSWORD = y": true,
	} {
		if got := isServerAddress(dsn); got != want {
			t.Errorf("%s: got %v, want %v", dsn, got, want)
		}
	}
}
