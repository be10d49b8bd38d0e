package cli

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/urfave/cli/v3"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/cmd/beam/internal/migrate"
	"github.com/expanse-go/session/cmd/beam/internal/owner"
	"github.com/expanse-go/session/redisstore"
	"github.com/expanse-go/session/sessionconfig"
	"github.com/expanse-go/session/sqlstore"

	// The drivers that beam includes for the database store. None needs cgo.
	_ "github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"
)

// load reads the configuration and prints the warnings. Only config check prints those about
// dangerous switches: they do not concern the other commands, and every new project sets such a
// switch. load returns the Config even with an error, which then reports all mistakes.
func (a *app) load(cmd *cli.Command, opts ...sessionconfig.Option) (*sessionconfig.Config, error) {
	c, err := a.read(a.path(cmd.String("config")), cmd.String("store"), a.environ, slog.New(slog.DiscardHandler), opts...)
	for _, w := range c.Warnings() {
		if strings.HasSuffix(cmd.FullName(), " config check") || !strings.Contains(w.Key, "dangerously_") {
			a.warn("%s", strings.Join(a.lines(w), " "))
		}
	}
	return c, err
}

// read loads the configuration in dir. A store given by a flag overrides all other sources.
func (a *app) read(dir, store string, environ []string, log *slog.Logger, opts ...sessionconfig.Option) (*sessionconfig.Config, error) {
	if store != "" {
		a.storeFlag = true
		environ = append(environ[:len(environ):len(environ)], storeVariable+"="+store, "SESSION_FALLBACK=off")
	}
	return sessionconfig.Load(dir, append(opts, sessionconfig.WithEnv(environ), sessionconfig.WithLogger(log), sessionconfig.WithRedis(redisstore.Open))...)
}

const storeVariable = "SESSION_STORE"

// lines is like the function lines, but shows paths relative to the current folder, and
// --store instead of SESSION_STORE if the flag was given.
func (a *app) lines(err error) []string {
	out := lines(err)
	for i := range out {
		out[i] = a.shorten(out[i])
		if rest, ok := strings.CutPrefix(out[i], storeVariable+": "); ok && a.storeFlag {
			out[i] = "--store: " + rest
		}
	}
	return out
}

func (a *app) shorten(text string) string {
	return strings.ReplaceAll(text, strings.TrimSuffix(a.dir, "/")+"/", "")
}

// isConfiguration reports whether err has the exit code ExitConfiguration: the files or
// variables are wrong, or lead to an error before anything was done.
func isConfiguration(err error) bool {
	var mistake *sessionconfig.Error
	var field *session.ConfigError
	return errors.As(err, &mistake) || errors.As(err, &field)
}

// manager opens the configured store to change sessions. The caller must call done.
func (a *app) manager(ctx context.Context, cmd *cli.Command) (m *session.Manager, done func(), err error) {
	c, err := a.load(cmd)
	if err == nil {
		err = a.mayWrite(c)
	}
	if err != nil {
		return nil, nil, err
	}
	return a.openManager(ctx, c)
}

// viewer is like manager, for commands that only look, and leave no file behind.
func (a *app) viewer(ctx context.Context, cmd *cli.Command) (m *session.Manager, done func(), err error) {
	c, err := a.load(cmd, sessionconfig.ReadOnly())
	if err != nil {
		return nil, nil, err
	}
	return a.openManager(ctx, c)
}

func (a *app) openManager(ctx context.Context, c *sessionconfig.Config) (m *session.Manager, done func(), err error) {
	p := a.begin("opening the store %s", c.StoreName())
	defer p.end()
	if m, err = c.Open(ctx); err != nil {
		return nil, nil, err
	}
	return m, func() { m.Close(context.WithoutCancel(ctx)) }, nil
}

// mayWrite refuses to write into the folder of the file store as another user than its owner,
// or to create it: the application could no longer write there. The database store needs
// no such rule, because SQLite gives its files to the owner of the database.
func (a *app) mayWrite(c *sessionconfig.Config) error {
	if c.StoreName() != "file" && c.Fallback() != "file" {
		return nil
	}
	return a.mayWriteFiles(c, false)
}

// mayWriteFiles is mayWrite for the file store. A command may create the folder if it then
// belongs to the owner of the folder around it.
func (a *app) mayWriteFiles(c *sessionconfig.Config, creates bool) error {
	folder := c.Folder()
	if creates {
		folder = owner.Existing(folder)
	}
	if !exists(folder) {
		return fmt.Errorf("the session folder %s does not exist yet; the application creates it when it starts", a.shorten(folder))
	}
	user := owner.Other(folder)
	if user == "" {
		return nil
	}
	words := []string{"sudo", "-u", user}
	words = append(words, a.args...)
	for i := range words {
		words[i] = shellWord(words[i])
	}
	return fmt.Errorf("the session folder %s belongs to %s, and files of another user in it would lock the application out; run: %s",
		a.shorten(folder), user, strings.Join(words, " "))
}

// store is like manager, for commands that read records directly.
func (a *app) store(ctx context.Context, c *sessionconfig.Config) (s session.Store, done func(), err error) {
	return a.opened(c.StoreName(), func() (session.Store, error) { return c.OpenStore(ctx) })
}

// opened calls open, which opens the store of a name, and shows what takes so long.
func (a *app) opened(name string, open func() (session.Store, error)) (s session.Store, done func(), err error) {
	p := a.begin("opening the store %s", name)
	defer p.end()
	if s, err = open(); err != nil {
		return nil, nil, err
	}
	return s, func() {
		if closer, ok := session.Capability[io.Closer](s); ok {
			closer.Close()
		}
	}, nil
}

// dialects maps the dialects of the store to those of migrations.
var dialects = map[sqlstore.Dialect]migrate.Dialect{
	sqlstore.SQLite:     migrate.SQLite,
	sqlstore.PostgreSQL: migrate.Postgres,
	sqlstore.MySQL:      migrate.MySQL,
}

// lockFile returns the path of the file that serializes migrations of a SQLite database. It
// is next to the database file, whose path the database itself reports. The result is ""
// for other dialects and for databases in memory.
func lockFile(ctx context.Context, d sqlstore.Dialect, db *sql.DB) (string, error) {
	if d != sqlstore.SQLite {
		return "", nil
	}
	var file string
	err := db.QueryRowContext(ctx, "SELECT file FROM pragma_database_list WHERE name = 'main'").Scan(&file)
	if err != nil || file == "" {
		return "", err
	}
	return file + ".migrate.lock", nil
}
