package redisstore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/expanse-go/session"
)

// oldest is the first version of Redis that has the commands of the store, and of Valkey, which
// reports one as well: SET with PXAT.
const oldest = "6.2"

// Check verifies that the store can work: the server answers, it is Redis 6.2 or later, it is no
// read-only replica, and the ACL of the user allows what the store needs. Check tries that on a
// session of its own, which it deletes, and which Redis deletes after a minute otherwise. On a
// cluster, it asks each primary for its version. Call it before serving; otherwise, the first
// request fails.
//
// If the ACL forbids INFO, Check does not know the version.
func (s *Store) Check(ctx context.Context) error {
	nodes, err := s.nodes(ctx)
	if err != nil {
		return s.failed(ctx, "check", session.ID{}, err)
	}
	for _, node := range nodes {
		info, err := s.info(ctx, node, "server")
		if err != nil && !refused(err) {
			return s.failed(ctx, "check", session.ID{}, err)
		}
		if v := info["redis_version"]; v != "" && older(v, oldest) {
			return fmt.Errorf("session: the server is Redis %s; the store needs version %s or later, or Valkey", v, oldest)
		}
	}
	return s.rehearse(ctx)
}

// older compares the first two numbers of two versions.
func older(a, b string) bool {
	for range 2 {
		var x, y string
		x, a, _ = strings.Cut(a, ".")
		y, b, _ = strings.Cut(b, ".")
		m, errM := strconv.Atoi(x)
		n, errN := strconv.Atoi(y)
		if errM != nil || errN != nil {
			return false // nobody knows
		}
		if m != n {
			return m < n
		}
	}
	return false
}

// rehearse takes a session through its life, which needs every command but SCAN. The session has
// expired, so it would let nobody in.
func (s *Store) rehearse(ctx context.Context) error {
	now := time.Now()
	r := session.Record{
		Version: 1, Owner: "check " + rand.Text(),
		CreatedAt: now, LastActivity: now, ExpiresAt: now.Add(time.Minute - session.PruneSlack),
	}
	if _, err := rand.Read(r.ID[:]); err != nil {
		return err
	}
	// A server that has the scripts needs no EVAL; one that has lost them does.
	_, err := s.eval(ctx, "eval", "return 1", s.key(r.ID), nil)
	if err == nil {
		err = s.Create(ctx, r)
	} else {
		err = s.failed(ctx, "check", session.ID{}, err)
	}
	defer func() { _ = s.Delete(context.WithoutCancel(ctx), r.ID) }()
	if err == nil {
		_, err = s.Load(ctx, r.ID)
	}
	if err == nil {
		err = s.Touch(ctx, r.ID, now, r.ExpiresAt.Add(time.Second))
	}
	if err == nil {
		err = s.Update(ctx, r)
	}
	found := false
	for listed, lerr := range s.ListOwner(ctx, r.Owner) {
		if found = found || listed.ID == r.ID; err == nil {
			err = lerr
		}
	}
	switch {
	case errors.Is(err, session.ErrNotFound), err == nil && !found:
		return errors.New("session: the server has lost a session that was just stored; is its memory full (maxmemory), or is it a proxy that does not support Lua scripts?")
	case err != nil:
		return err
	}
	// Nobody can know the tag of the entry, so leave cannot say whether ZREM is allowed.
	if err := s.do(ctx, redis.NewIntCmd(ctx, "zrem", s.ownerKey(r.Owner), "none")); err != nil {
		return s.failed(ctx, "check", session.ID{}, err)
	}
	return s.Delete(ctx, r.ID)
}

// Warnings returns settings of the server that make it drop sessions. Each text explains the
// effect and says what to do. The store works with these settings, so a program can start in
// spite of them. A server that does not tell its settings, as some managed services do, causes no
// warning and no error.
func (s *Store) Warnings(ctx context.Context) ([]string, error) {
	nodes, err := s.nodes(ctx)
	if err != nil {
		return nil, s.failed(ctx, "check", session.ID{}, err)
	}
	var policies []string
	for _, node := range nodes {
		policy, err := s.policy(ctx, node)
		if err != nil {
			return nil, s.failed(ctx, "check", session.ID{}, err)
		}
		if strings.HasPrefix(policy, "allkeys-") || strings.HasPrefix(policy, "volatile-") {
			policies = append(policies, policy)
		}
	}
	if len(policies) == 0 {
		return nil, nil
	}
	return []string{fmt.Sprintf("the server evicts sessions, and signs their users out, when its memory is full (maxmemory-policy is %s); an evicted index hides sessions of an owner from a revocation. Set maxmemory-policy to noeviction, and keep caches on another server", policies[0])}, nil
}

// policy returns the server's maxmemory-policy, "" if the server does not tell.
func (s *Store) policy(ctx context.Context, node redis.Cmdable) (string, error) {
	info, err := s.info(ctx, node, "memory")
	if policy := info["maxmemory_policy"]; policy != "" {
		return policy, nil
	}
	if err != nil && !refused(err) {
		return "", err
	}
	settings, err := await(ctx, s, func(ctx context.Context) (map[string]string, error) {
		return node.ConfigGet(ctx, "maxmemory-policy").Result()
	})
	if err != nil && !refused(err) {
		return "", err
	}
	return settings["maxmemory-policy"], nil
}

// refused reports that the server has answered, with an error: it forbids the command, or does
// not know it.
func refused(err error) bool {
	var answer redis.Error
	return errors.As(err, &answer) && !redis.IsAuthError(err)
}

// info returns a section of INFO.
func (s *Store) info(ctx context.Context, node redis.Cmdable, section string) (map[string]string, error) {
	text, err := await(ctx, s, func(ctx context.Context) (string, error) { return node.Info(ctx, section).Result() })
	fields := make(map[string]string)
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			fields[name] = value
		}
	}
	return fields, err
}
