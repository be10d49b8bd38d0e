package sessionconfig

import (
	"testing"
	"time"
)

// With MySQL, the store's driver times out before the request does, and the store knows
// after how long, unless the configuration overrides the timeouts.
func TestDriverTimeout(t *testing.T) {
	const mysql = "driver = \"mysql\"\ndatabase = \"app\"\n"
	for _, tc := range []struct {
		name, session, database string
		dsn                     string
		want                    time.Duration
	}{
		{"by default", "", mysql, "tcp(127.0.0.1:3306)/app?readTimeout=2.5s&rejectReadOnly=true&timeout=5s&writeTimeout=1s", 3500 * time.Millisecond},
		{"of the store's", `store_timeout = "1s"`, mysql, "tcp(127.0.0.1:3306)/app?readTimeout=500ms&rejectReadOnly=true&timeout=5s&writeTimeout=200ms", 700 * time.Millisecond},
		{"off", `store_timeout = "off"`, mysql, "tcp(127.0.0.1:3306)/app?rejectReadOnly=true&timeout=5s", 0},
		{"option", "", mysql + "[connections.main.options]\nreadTimeout = \"4s\"", "tcp(127.0.0.1:3306)/app?readTimeout=4s&rejectReadOnly=true&timeout=5s&writeTimeout=1s", 5 * time.Second},
		{"none to read", "", mysql + "[connections.main.options]\nreadTimeout = \"0\"", "tcp(127.0.0.1:3306)/app?readTimeout=0&rejectReadOnly=true&timeout=5s&writeTimeout=1s", 0},
		{"none to write", "", mysql + "[connections.main.options]\nwriteTimeout = \"0s\"", "tcp(127.0.0.1:3306)/app?readTimeout=2.5s&rejectReadOnly=true&timeout=5s&writeTimeout=0s", 0},
		{"dsn", "", "driver = \"mysql\"\n" + `dsn = "tcp(db)/app?readTimeout=1s"`, "tcp(db)/app?readTimeout=1s", 0},
		{"postgres", "", "driver = \"postgres\"\ndatabase = \"app\"", "connect_timeout='5' dbname='app' host='127.0.0.1' port='5432'", 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			project(t, map[string]string{"config/session.toml": "store = \"null\"\n" + tc.session, "config/database.toml": "[connections.main]\n" + tc.database + "\n"})
			c := load(t, nil)
			con := c.connections["main"]
			defaults := con.storeOptions(c.session.StoreTimeout)
			if got := con.dsn(c.root, defaults); got != tc.dsn {
				t.Errorf("got  %s\nwant %s", got, tc.dsn)
			}
			if got := con.driverTimeout(defaults); got != tc.want {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
}
