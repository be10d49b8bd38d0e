<?php
// Reads the sessions of github.com/expanse-go/session. docs/format.md explains each step. Needs
// PHP 8.1 with 64-bit integers.
//
//	[$outcome, $session] = judge($_COOKIE['__Host-session'] ?? '', fn($id) => from_folder('/var/lib/app/sessions', $id),
//	    new Settings(), (int) (microtime(true) * 1e6) * 1000);

declare(strict_types=1);

const HOUR = 3600 * 1000000000; // all times and durations are nanoseconds, and times count from 1970
const MAX_AGE = 400 * 24 * HOUR;

/** What load throws if a value is not a record; judge answers "corrupt". */
class Corrupt extends Exception {}

/** The settings of the Go program: its cookie, IdleTimeout and AbsoluteTimeout. */
class Settings
{
    public function __construct(public array $scopes = ['__Host-session'], public int $idle = 2 * HOUR, public int $absolute = 24 * HOUR) {}
}

/** Returns an outcome, and the session if that is "found". $load returns the record of an ID, or null. */
function judge(string $token, callable $load, Settings $settings, int $now): array
{
    if (!preg_match('/^[A-Za-z0-9_-]{64}$/D', $token)) {
        return ['malformed', null];
    }
    $raw = base64_decode(strtr($token, '-_', '+/')); // the ID, 16 bytes, and the secret, 32 bytes
    if (substr($raw, 0, 16) === str_repeat("\0", 16)) {
        return ['malformed', null];
    }
    try {
        $record = $load(substr($raw, 0, 16));
        if ($record === null) {
            return ['unknown', null];
        }
        [$owner, $created, $active, $expires, $data] = $record;
        $e = decode($data);
    } catch (Corrupt | JsonException) {
        return ['corrupt', null];
    }
    $outcome = 'unknown';
    foreach ($settings->scopes as $scope) {
        $outcome = standing($e, digest_of($scope, $raw), $now);
        if ($outcome !== 'unknown') {
            break;
        }
    }
    $expires = min($expires, limit($e, $created, $active, $settings));
    if (max($created, $active, $e['login'], $e['rotated']) > $now + HOUR) {
        $expires = 0;
    }
    if ($outcome !== 'unknown' && $now >= $expires) {
        $outcome = 'expired';
    }
    if ($outcome !== 'found') {
        return [$outcome, null];
    }
    return [$outcome, ['owner' => $owner, 'created' => $created, 'authenticated' => $e['login'], 'expires' => $expires, 'document' => $e['document']]];
}

function digest_of(string $scope, string $raw): string
{
    $namespace = substr(hash('sha256', "session/1\0" . $scope, true), 0, 7);
    return hash('sha256', $namespace . $raw, true);
}

function standing(array $e, string $digest, int $now): string
{
    if (hash_equals($e['digest'], $digest)) {
        return 'found';
    }
    foreach ($e['previous'] as $p) {
        if (hash_equals(substr($p, 0, 32), $digest) && $now < integer('J', $p, 33)) {
            return ord($p[32]) === 1 ? 'found' : 'replaced';
        }
    }
    return 'unknown';
}

/** The end by the settings that hold now, which may be earlier than the end that is stored. */
function limit(array $e, int $created, int $active, Settings $settings): int
{
    $idle = $e['idle'] ?: $settings->idle;
    $end = $active + ($idle > 0 && $idle <= MAX_AGE ? $idle : MAX_AGE);
    $absolute = min($e['absolute'], MAX_AGE) ?: ($settings->absolute > 0 ? max($settings->absolute, $e['idle']) : 0);
    return $absolute > 0 ? min($end, max($created, $e['login']) + $absolute) : $end;
}

function decode(string $data): array
{
    if (substr($data, 0, 2) !== "\xe5\x01" || crc32c(substr($data, 6)) !== substr($data, 2, 4)) {
        throw new Corrupt('not an envelope of version 1, or damaged');
    }
    $e = ['digest' => '', 'previous' => [], 'login' => 0, 'rotated' => 0, 'idle' => 0, 'absolute' => 0];
    for ($at = 6; ($tag = byte($data, $at)) !== 0;) {
        [$size, $at] = uvarint($data, $at + 1);
        [$field, $at] = [substr($data, $at, $size), $at + $size];
        match ($tag) {
            1 => $e['digest'] = $field,
            2 => $e['previous'][] = $field,
            3 => $e['rotated'] = integer('J', $field, 0),
            4 => $e['login'] = integer('J', $field, 0),
            5 => [$e['idle'], $e['absolute']] = [integer('J', $field, 0), integer('J', $field, 8)],
            default => null,
        };
    }
    $e['document'] = json_decode(substr($data, $at + 1), flags: JSON_THROW_ON_ERROR); // objects, which keep {} apart from []
    return $e;
}

function byte(string $b, int $at): int
{
    return $at < strlen($b) ? ord($b[$at]) : throw new Corrupt('too short');
}

/** The integer at an offset, in a format of unpack. */
function integer(string $format, string $b, int $at): int
{
    $size = ['J' => 8, 'P' => 8, 'V' => 4, 'v' => 2, 'n' => 2, 'N' => 4][$format];
    return $at + $size <= strlen($b) ? unpack($format, $b, $at)[1] : throw new Corrupt('too short');
}

function uvarint(string $b, int $at): array
{
    for ($n = $shift = 0; ($x = byte($b, $at++)) >= 0x80; $shift += 7) {
        $n |= ($x & 0x7f) << $shift;
    }
    return [$n | $x << $shift, $at];
}

/** CRC-32C, big-endian. */
function crc32c(string $b): string
{
    return hash('crc32c', $b, true);
}

// What the stores hold. Each function returns [owner, created, active, expires, data], or null.

const SELECT = 'SELECT owner, created_at, last_activity, expires_at, data FROM sessions WHERE id = ?';

/** The row of a PDO statement, fetched with FETCH_NUM. PostgreSQL returns data as a stream. */
function from_sql(array|false $row): ?array
{
    if (!$row) {
        return null;
    }
    [$owner, $created, $active, $expires, $data] = $row;
    return [$owner, (int) $created, (int) $active, (int) $expires, is_resource($data) ? stream_get_contents($data) : $data];
}

function from_folder(string $folder, string $id): ?array
{
    $name = bin2hex($id);
    $file = "$folder/records/" . substr($name, 0, 2) . "/$name";
    if (!is_file($file)) {
        return null;
    }
    $b = file_get_contents($file);
    return $b !== false ? from_file($b, $id) : throw new RuntimeException("cannot read $file");
}

function from_file(string $b, string $id): array
{
    $time = fn(int $at): int => integer('P', $b, $at) * 1000000000 + integer('V', $b, $at + 8);
    $end = 86 + integer('v', $b, 80) + integer('v', $b, 82) + integer('v', $b, 84);
    $whole = strlen($b) - $end === integer('V', $b, 76) && strrev(crc32c(substr($b, $end))) === substr($b, 12, 4);
    if (!$whole || substr($b, 0, 8) !== "session\x01" || strrev(crc32c(substr($b, 12, $end - 12))) !== substr($b, 8, 4) || substr($b, 16, 16) !== $id) {
        throw new Corrupt('not a record, or damaged');
    }
    return [substr($b, 86, integer('v', $b, 80)), $time(40), $time(52), $time(64), substr($b, $end)];
}

function from_redis(string $b): array
{
    if (byte($b, 16) !== 1) {
        throw new Corrupt('not a value of format 1');
    }
    $time = fn(int $at): int => integer('J', $b, $at) ^ PHP_INT_MIN;
    $at = $end = 58 + byte($b, 57);
    foreach (['address', 'user agent'] as $_) {
        [$size, $at] = uvarint($b, $at);
        $at += $size;
    }
    return [substr($b, 58, $end - 58), $time(49), $time(33), $time(41), substr($b, $at)];
}

function from_nats(string $b): array
{
    if (byte($b, 0) !== 1) {
        throw new Corrupt('not a message of format 1');
    }
    $time = fn(int $at): int => integer('J', $b, $at) * 1000000000 + integer('N', $b, $at + 8);
    $end = 75 + integer('n', $b, 69) + integer('n', $b, 71) + integer('n', $b, 73);
    return [substr($b, 75, integer('n', $b, 69)), $time(33), $time(45), $time(57), substr($b, $end)];
}

// For the tests: judges one case on each line.
if (PHP_SAPI === 'cli' && realpath($_SERVER['SCRIPT_FILENAME']) === __FILE__) {
    while (($line = fgets(STDIN)) !== false) {
        $c = json_decode($line, flags: JSON_THROW_ON_ERROR);
        $v = $c->value;
        $load = fn(string $id): ?array => match ($c->kind) {
            'none' => null,
            'sql' => from_sql([$v->owner, $v->created_at, $v->last_activity, $v->expires_at, base64_decode($v->data)]),
            'folder' => from_folder($v, $id),
            'file' => from_file(base64_decode($v), $id),
            'redis' => from_redis(base64_decode($v)),
            'nats' => from_nats(base64_decode($v)),
        };
        [$outcome, $s] = judge($c->token, $load, new Settings($c->scopes, (int) $c->idle, (int) $c->absolute), (int) $c->now);
        if ($s) {
            foreach (['created', 'authenticated', 'expires'] as $time) {
                $s[$time] = (string) $s[$time];
            }
        }
        echo json_encode(['outcome' => $outcome] + ($s ?? []), JSON_THROW_ON_ERROR), "\n";
    }
}
