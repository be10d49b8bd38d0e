package sessionconfig

import (
	"context"

	"github.com/expanse-go/session"
)

type Config struct{}

type Option func()

func Open(ctx context.Context, dir string, opts ...Option) (*session.Manager, error) { return nil, nil }

func (c *Config) Open(ctx context.Context) (*session.Manager, error) { return nil, nil }
