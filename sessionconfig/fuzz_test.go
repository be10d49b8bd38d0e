package sessionconfig

import "testing"

// Load never panics, whatever the files contain; every mistake has a location, and a second
// Load gives the same report.
func FuzzLoad(f *testing.F) {
	f.Add("store = \"file\"\nlifetime = 3", "default = \"a\"\n[connections.a]\ndriver = \"sqlite\"", "SESSION_STORE=null\n")
	f.Add("[stores.dict]\n[[stores.memory]]", "[connections]\na = {driver = 'mysql', options = {a = [1]}}", "DB_CONNECTIONS__A__OPTIONS__B=\"")
	f.Add("\"a.b\".c = 1\n[\"\"]\n", "connections = 3", "SESSION_STORES__DICT__MAX_BYTES=9EiB")
	f.Add("store = \"null\"", "", "\xff=1\nSESSION_\xfe=2\n")
	f.Fuzz(func(t *testing.T, sessionFile, databaseFile, dotenv string) {
		project(t, map[string]string{"config/session.toml": sessionFile, "config/database.toml": databaseFile, ".env": dotenv})
		c, err := Load("config", WithEnv(nil), quiet)
		c.Values()
		for _, e := range Mistakes(err) {
			if e.File == "" && e.Variable == "" {
				t.Errorf("no place in %q", e.Error())
			}
		}
		if _, again := Load("config", WithEnv(nil), quiet); (err == nil) != (again == nil) || err != nil && err.Error() != again.Error() {
			t.Errorf("got\n%v\nand then\n%v", err, again)
		}
	})
}
