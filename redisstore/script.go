package redisstore

import (
	"context"
	"strings"

	"github.com/redis/go-redis/v9"
)

// Each script works on the one key that it is given, so a cluster runs it on one node, and it
// is atomic. The positions in Lua begin at 1; see value.go for the layout.
//
// A script may run twice for one call: after a lost connection, the client sends it again. A
// write therefore recognizes its own number in the value; the other scripts have no effect
// when they run again.
const (
	luaHead = `
local function head() return redis.call('GETRANGE', KEYS[1], 0, 312) end
local function owner(v, at) return v:sub(at + 1, at + v:byte(at)) end
local function later(a, b)
  for i = 1, 8 do
    local x, y = a:byte(i), b:byte(i)
    if x ~= y then return x > y end
  end
  return false
end
`

	// luaUpdate replaces a value. ARGV: the version to replace, the value without the entry,
	// the time of deletion, the entry if one was added to the index, the owner of that entry.
	// It returns one of the answers, or else the entry that it has replaced, and its owner.
	luaUpdate = luaHead + `
local old, new = head(), ARGV[2]
if old == '' then return 0 end
if #old < 58 then return redis.error_reply('the value is no session') end
if old:sub(18, 25) ~= ARGV[1] then
  if old:sub(18, 33) == new:sub(2, 17) then return 1 end
  return 2
end
local was, is = owner(old, 58), owner(new, 42)
local entry = old:sub(1, 16)
local moved = was ~= is
if moved or is ~= '' and later(new:sub(26, 33), entry:sub(9, 16)) then
  if is == '' then entry = string.rep('\0', 16)
  elseif ARGV[4] == '' then return 3
  else entry = ARGV[4] end
end
redis.call('SET', KEYS[1], entry .. new, 'PXAT', ARGV[3])
if was ~= '' and entry:sub(1, 8) ~= old:sub(1, 8) then return old:sub(1, 8) .. was end
return 1
`

	// luaTouch moves the times forward. ARGV: activity, expiry, the time of deletion, the
	// entry if one was added to the index, the owner of that entry. It returns 1, or the owner
	// to add an entry for in a list, or else the entry that it has replaced, and its owner.
	luaTouch = luaHead + `
local old = head()
if #old < 58 then return 1 end
local active, expires = old:sub(34, 41), old:sub(42, 49)
local longer, gone = later(ARGV[2], expires), 1
if longer then
  local is = owner(old, 58)
  if is ~= '' and later(ARGV[2], old:sub(9, 16)) then
    if ARGV[4] == '' or ARGV[5] ~= is then return {is} end
    redis.call('SETRANGE', KEYS[1], 0, ARGV[4])
    gone = old:sub(1, 8) .. is
  end
  expires = ARGV[2]
end
if later(ARGV[1], active) then active = ARGV[1] elseif not longer then return 1 end
redis.call('SETRANGE', KEYS[1], 33, active .. expires)
if longer then redis.call('PEXPIREAT', KEYS[1], ARGV[3]) end
return gone
`

	// luaDelete deletes a session. ARGV: a condition, "any", "owner" or "expired", and what
	// it compares with: the owner, or an instant after the expiry. It returns 0 if it deletes
	// nothing, and otherwise the entry and its owner.
	luaDelete = luaHead + `
local old = head()
if old == '' then return 0 end
if #old < 58 then
  if ARGV[1] == 'any' then redis.call('DEL', KEYS[1]) end
  return 0
end
local was = owner(old, 58)
if ARGV[1] == 'owner' and was ~= ARGV[2] then return 0 end
if ARGV[1] == 'expired' and not later(ARGV[2], old:sub(42, 49)) then return 0 end
redis.call('DEL', KEYS[1])
return old:sub(1, 8) .. was
`

	// luaIndex adds an entry to the index of an owner, and removes those whose sessions Redis
	// has deleted. ARGV: the member, its score, the least score to keep.
	luaIndex = `
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', '(' .. ARGV[3])
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
local last = redis.call('ZREVRANGE', KEYS[1], 0, 0, 'WITHSCORES')
redis.call('PEXPIREAT', KEYS[1], last[2])
return 1
`
)

// What the scripts return.
const (
	absent   int64 = 0
	stored   int64 = 1
	conflict int64 = 2
	unlisted int64 = 3 // nothing was done: the session needs an entry in the index first
)

// A script has a text, and the digest by which a server knows it.
type script struct{ text, digest string }

func newScript(text string) *script { return &script{text, redis.NewScript(text).Hash()} }

var (
	updateScript = newScript(luaUpdate)
	touchScript  = newScript(luaTouch)
	deleteScript = newScript(luaDelete)
	indexScript  = newScript(luaIndex)
)

// run runs a script by its digest, and by its text if the server does not have it: after a
// restart, a failover, SCRIPT FLUSH, or on a node to which the slot has moved. The server has
// run nothing then, so this repeats no write.
func (s *Store) run(ctx context.Context, script *script, key string, args ...any) (any, error) {
	answer, err := s.eval(ctx, "evalsha", script.digest, key, args)
	if unknownScript(err) {
		answer, err = s.eval(ctx, "eval", script.text, key, args)
	}
	return answer, err
}

func (s *Store) eval(ctx context.Context, how, script, key string, args []any) (any, error) {
	cmd := redis.NewCmd(ctx, append(append(make([]any, 0, 4+len(args)), how, script, 1, key), args...)...)
	cmd.SetFirstKeyPos(3)
	if err := s.do(ctx, cmd); err != nil {
		return nil, err
	}
	return cmd.Val(), nil
}

// unknownScript reports that the server does not have the script. Redis says "NOSCRIPT No
// matching script."; some proxies and managed services put something before it, or keep only
// the text.
func unknownScript(err error) bool {
	if err == nil {
		return false
	}
	text := err.Error()
	return strings.Contains(text, "NOSCRIPT") || strings.Contains(strings.ToLower(text), "no matching script")
}
