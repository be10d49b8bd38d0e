package stores

import (
	"bytes"
	"context"
	"database/sql"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// Machine describes what the measurements depend on: machine, compiler, libraries and
// servers.
func Machine(driver string) map[string]string {
	m := map[string]string{
		"date":          time.Now().UTC().Format("2006-01-02"),
		"machine":       strconv.Itoa(runtime.NumCPU()) + " cores, " + cpuModel() + ", " + runtime.GOOS,
		"Go":            strings.TrimPrefix(runtime.Version(), "go"),
		"SQLite driver": driver,
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return m
	}
	var peers []string
	for _, d := range info.Deps {
		for _, part := range []string{"alexedwards/scs", "gorilla/sessions", "gofiber/fiber", "gin-contrib/sessions", "go-sqlite3", "modernc.org/sqlite", "jackc/pgx", "go-sql-driver", "go-redis"} {
			if strings.Contains(d.Path, part) {
				peers = append(peers, strings.TrimPrefix(d.Path, "github.com/")+" "+d.Version)
			}
		}
	}
	slices.Sort(peers)
	m["libraries"] = strings.Join(peers, ", ")
	m["servers"] = servers()
	return m
}

func cpuModel() string {
	data, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	for line := range bytes.Lines(data) {
		if name, ok := bytes.CutPrefix(line, []byte("model name\t: ")); ok {
			return string(bytes.TrimSpace(name))
		}
	}
	return runtime.GOARCH
}

func servers() string {
	ctx := context.Background()
	var found []string
	if server := os.Getenv("SESSION_TEST_POSTGRES"); server != "" {
		if c, err := pgx.Connect(ctx, server); err == nil {
			version, _, _ := strings.Cut(c.PgConn().ParameterStatus("server_version"), " ")
			found = append(found, "PostgreSQL "+version)
			_ = c.Close(ctx) // the version is known
		}
	}
	if server := os.Getenv("SESSION_TEST_MYSQL"); server != "" {
		if db, err := sql.Open("mysql", server); err == nil {
			var version string
			if db.QueryRow("SELECT version()").Scan(&version) == nil {
				found = append(found, version)
			}
			_ = db.Close()
		}
	}
	if server := os.Getenv("SESSION_TEST_REDIS"); server != "" {
		if c, err := redisClient(server); err == nil {
			info, _ := c.Info(ctx, "server").Result()
			_, version, _ := strings.Cut(info, "redis_version:")
			version, _, _ = strings.Cut(version, "\r")
			found = append(found, "Redis "+version)
			_ = c.Close()
		}
	}
	return strings.Join(found, ", ")
}

// Load returns the load average of the last minute, or 0 on systems without /proc/loadavg.
func Load() float64 {
	data, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0
	}
	first, _, _ := strings.Cut(string(data), " ")
	load, _ := strconv.ParseFloat(first, 64)
	return load
}
