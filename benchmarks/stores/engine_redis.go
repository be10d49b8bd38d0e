package stores

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/redisstore"
)

// redisEngine switches the append-only file of the server on, so that its size tells what was
// written to it. The bytes stored are those of the server's memory.
func redisEngine(server string) (engine, error) {
	ctx := context.Background()
	place, err := url.Parse(server)
	if err != nil {
		return engine{}, err
	}
	admin, err := redisClient(server)
	if err != nil {
		return engine{}, err
	}
	info := func(section, name string) (int64, error) {
		text, err := admin.Info(ctx, section).Result()
		if err != nil {
			return 0, err
		}
		return infoField(text, name)
	}
	if err := appendOnly(ctx, admin, info); err != nil {
		return engine{}, errors.Join(err, admin.Close())
	}
	prefix := fmt.Sprintf("footprint%d:", time.Now().UnixNano())
	return engine{
		name: "Redis",
		open: func(through string) (session.Store, func() error, error) {
			at := *place
			if through != "" {
				at.Host = through
			}
			c, err := redisClient(at.String())
			if err != nil {
				return nil, nil, err
			}
			s, err := redisstore.New(c, redisstore.Config{Prefix: prefix})
			if err == nil {
				err = s.Check(ctx)
			}
			return s, c.Close, err
		},
		server: place.Host,
		size:   func() (int64, error) { return info("memory", "used_memory") },
		log: func() (int64, error) {
			written, err1 := info("persistence", "aof_current_size")
			waiting, err2 := info("persistence", "aof_buffer_length") // while the disk syncs
			return written + waiting, errors.Join(err1, err2)
		},
		// The file has commands and no pages, so no write costs more than the next one.
		checkpoint: nothing,
		cpu: func() (used time.Duration, err error) {
			text, err := admin.Info(ctx, "cpu").Result()
			for _, name := range []string{"used_cpu_user", "used_cpu_sys"} {
				seconds, err1 := strconv.ParseFloat(infoText(text, name), 64)
				used += time.Duration(seconds * float64(time.Second))
				err = errors.Join(err, err1)
			}
			return used, err
		},
		remove: func() error {
			return errors.Join(admin.ConfigSet(ctx, "appendonly", "no").Err(), clearPrefix(ctx, admin, prefix), admin.Close())
		},
	}, nil
}

// appendOnly switches the append-only file on, and waits until the server has begun it.
func appendOnly(ctx context.Context, admin *redis.Client, info func(section, name string) (int64, error)) error {
	if err := errors.Join(admin.ConfigSet(ctx, "auto-aof-rewrite-percentage", "0").Err(), admin.ConfigSet(ctx, "appendonly", "yes").Err()); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		busy, err1 := info("persistence", "aof_rewrite_in_progress")
		scheduled, err2 := info("persistence", "aof_rewrite_scheduled")
		if err := errors.Join(err1, err2, ctx.Err()); err != nil || busy+scheduled == 0 {
			return err
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// clearPrefix deletes the keys with a prefix.
func clearPrefix(ctx context.Context, c *redis.Client, prefix string) error {
	keys := c.Scan(ctx, 0, prefix+"*", 1000).Iterator()
	for keys.Next(ctx) {
		if err := c.Unlink(ctx, keys.Val()).Err(); err != nil {
			return err
		}
	}
	return keys.Err()
}

// infoText returns the value of a line such as used_memory:1024 of INFO, "" if there is none.
func infoText(text, name string) string {
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func infoField(text, name string) (int64, error) {
	n, err := strconv.ParseInt(infoText(text, name), 10, 64)
	if err != nil {
		err = fmt.Errorf("INFO has no number %s: %w", name, err)
	}
	return n, err
}
