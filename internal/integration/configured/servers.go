package configured

import (
	"database/sql"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/expanse-go/session/internal/testserver"
	"github.com/expanse-go/session/sessionconfig"
)

// secret is a password of characters that have a meaning in data source names.
const secret = `hunter2 'p"@s:s/w%41\?#&`

// quiet fails the test if text contains a part of the secret.
func quiet(tb testing.TB, text string) {
	tb.Helper()
	for _, part := range []string{"hunter2", "@s:s", "w%41", "%40s"} {
		if strings.Contains(text, part) {
			tb.Errorf("the secret is in: %s", text)
		}
	}
}

// closedPort returns a local port on which nothing listens.
func closedPort(tb testing.TB) string {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		tb.Fatal(err)
	}
	return port
}

// PostgreSQL tests the database store on PostgreSQL: a connection by its parts and as a
// dsn, a schema, and the errors for servers that do not answer.
func PostgreSQL(t *testing.T, opts ...sessionconfig.Option) {
	address := testserver.DSN(t, testserver.Postgres)
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	schema := testserver.Name()
	// The server accepts any password; this one checks the quoting.
	environ := []string{"SESSION_STORES__DATABASE__SCHEMA=" + schema, "DB_CONNECTIONS__MAIN__PASSWORD=" + secret}

	p := NewProject(t, parts(u), opts...)
	db, err := p.Load(t, environ...).OpenDB(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if got := p.Report(t, environ...); !strings.Contains(got, "stores.database.schema = \""+schema+"\": the schema "+schema+" does not exist") ||
		!strings.Contains(got, "create it with: CREATE SCHEMA \""+schema+"\"") {
		t.Errorf("missing schema: got %s", got)
	}
	Exec(t, db, `CREATE SCHEMA "`+schema+`"`)
	defer Exec(t, db, `DROP SCHEMA "`+schema+`" CASCADE`)

	if got := p.Report(t, environ...); !strings.Contains(got, "there is no table "+schema+".sessions") || !strings.Contains(got, "beam db migrate") {
		t.Errorf("missing table: got %s", got)
	}
	p.Migrate(t, nil, environ...)
	p.Works(t, environ...)
	p.Works(t, environ[0], "DB_CONNECTIONS__MAIN__DSN="+address)
	p.Works(t, append(environ, "DB_CONNECTIONS__MAIN__PREPARE=false")...)
	p.Works(t, environ[0], "DB_CONNECTIONS__MAIN__DSN="+address, "DB_CONNECTIONS__MAIN__PREPARE=false")

	refused(t, p, environ, "postgres")
}

// parts returns a connection to a server by the parts of its address.
func parts(u *url.URL) string {
	return fmt.Sprintf("driver = \"postgres\"\nhost = %q\nport = %s\nuser = %q\ndatabase = %q\noptions = { sslmode = \"disable\" }",
		u.Hostname(), u.Port(), u.User.Username(), strings.TrimPrefix(u.Path, "/"))
}

// MySQL tests the database store on MySQL or MariaDB, as a user with a password.
func MySQL(t *testing.T) {
	address := testserver.DSN(t, testserver.MySQL)
	admin, err := sql.Open("mysql", address)
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	name := testserver.Name()
	Exec(t, admin, "CREATE DATABASE `"+name+"`")
	defer Exec(t, admin, "DROP DATABASE `"+name+"`")
	quoted := strings.NewReplacer(`\`, `\\`, `'`, `''`).Replace(secret)
	Exec(t, admin, "CREATE USER '"+name+"' IDENTIFIED BY '"+quoted+"'")
	defer Exec(t, admin, "DROP USER '"+name+"'")
	Exec(t, admin, "GRANT ALL ON `"+name+"`.* TO '"+name+"'")

	var port string
	if err := admin.QueryRowContext(t.Context(), "SELECT @@port").Scan(&port); err != nil {
		t.Fatal(err)
	}
	p := NewProject(t, fmt.Sprintf("driver = \"mariadb\"\nport = %s\nuser = %q\ndatabase = %q\noptions = { tls = \"preferred\" }", port, name, name))
	p.Write(t, "password", secret+"\n")
	environ := []string{"DB_CONNECTIONS__MAIN__PASSWORD_FILE=password"}
	if got := p.Report(t, environ...); !strings.Contains(got, "there is no table sessions") || !strings.Contains(got, "beam db migrate") {
		t.Errorf("missing table: got %s", got)
	}
	if got := p.Report(t, append(environ, "SESSION_STORES__DATABASE__SCHEMA=lost")...); !strings.Contains(got, "the database lost does not exist, or this user cannot see it") ||
		!strings.Contains(got, "create it with: CREATE DATABASE `lost`") {
		t.Errorf("missing schema: got %s", got)
	}
	p.Migrate(t, nil, environ...)
	p.Works(t, environ...)
	p.Works(t, "DB_CONNECTIONS__MAIN__DSN="+name+":"+secret+"@tcp(127.0.0.1:"+port+")/"+name)

	if got := p.Report(t, "DB_CONNECTIONS__MAIN__PASSWORD="+secret+"x"); !strings.Contains(got, "does not answer") || !strings.Contains(got, "Access denied") {
		t.Errorf("wrong password: got %s", got)
	}
	refused(t, p, environ, "mysql")
}

// refused tests the errors for servers that do not answer and for invalid data source
// names.
func refused(t *testing.T, p Project, environ []string, scheme string) {
	port := closedPort(t)
	got := p.Report(t, append(slices.Clone(environ), "DB_CONNECTIONS__MAIN__PORT="+port)...)
	if !strings.Contains(got, "connections.main.database = ") || !strings.Contains(got, "the database does not answer: ") ||
		!strings.Contains(got, "127.0.0.1:"+port) || !strings.Contains(got, "the server is running") {
		t.Errorf("closed port: got %s", got)
	}
	quiet(t, got)
	for _, dsn := range []string{
		scheme + "://u:" + secret + "@127.0.0.1:" + port + "/app",
		scheme + "://u:" + url.QueryEscape(secret) + "@127.0.0.1:" + port + "/app",
		"host=127.0.0.1 port=" + port + " user=u password='" + secret + "'",
		"u:" + secret + "@tcp(127.0.0.1:" + port + ")/app",
		"u:" + secret + "@tcp(127.0.0.1:" + port + "/app",
		secret,
	} {
		got := p.Report(t, "DB_CONNECTIONS__MAIN__DSN="+dsn)
		if !strings.Contains(got, "DB_CONNECTIONS__MAIN__DSN: connections.main.dsn = [redacted]: the ") {
			t.Errorf("dsn: got %s", got)
		}
		quiet(t, got)
	}
}
