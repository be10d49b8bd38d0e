"""Reads the sessions of github.com/expanse-go/session. docs/format.md explains each step. Needs Python 3.8.

    outcome, session = judge(cookie_value, lambda id: from_folder("/var/lib/app/sessions", id), Settings(), time.time_ns())
"""
import base64, hashlib, hmac, json, os, re, sqlite3, struct, sys
from dataclasses import dataclass

HOUR = 3600 * 10**9  # all times and durations are nanoseconds, and times count from 1970
MAX_AGE = 400 * 24 * HOUR


@dataclass
class Settings:
    """The settings of the Go program: its cookie, IdleTimeout and AbsoluteTimeout."""
    scopes: tuple = ("__Host-session",)
    idle: int = 2 * HOUR
    absolute: int = 24 * HOUR


def judge(token, load, settings, now):
    """Returns an outcome, and the session if that is "found". load returns the record of an ID, or None."""
    if not re.fullmatch("[A-Za-z0-9_-]{64}", token):
        return "malformed", None
    raw = base64.urlsafe_b64decode(token)  # the ID, 16 bytes, and the secret, 32 bytes
    if raw[:16] == bytes(16):
        return "malformed", None
    try:
        record = load(raw[:16])
        if record is None:
            return "unknown", None
        owner, created, active, expires, data = record
        e = decode(data)
    except (ValueError, IndexError, struct.error):
        return "corrupt", None
    standings = (standing(e, digest_of(scope, raw), now) for scope in settings.scopes)
    outcome = next((s for s in standings if s != "unknown"), "unknown")
    expires = min(expires, limit(e, created, active, settings))
    if max(created, active, e["login"], e["rotated"]) > now + HOUR:
        expires = 0
    if outcome != "unknown" and now >= expires:
        outcome = "expired"
    if outcome != "found":
        return outcome, None
    return outcome, {"owner": owner, "created": created, "authenticated": e["login"], "expires": expires, "document": e["document"]}


def digest_of(scope, raw):
    namespace = hashlib.sha256(b"session/1\0" + scope.encode()).digest()[:7]
    return hashlib.sha256(namespace + raw).digest()


def standing(e, digest, now):
    if hmac.compare_digest(e["digest"], digest):
        return "found"
    for old, kind, deadline in e["previous"]:
        if hmac.compare_digest(old, digest) and now < deadline:
            return "found" if kind == 1 else "replaced"
    return "unknown"


def limit(e, created, active, settings):
    """The end by the settings that hold now, which may be earlier than the end that is stored."""
    idle = e["idle"] or settings.idle
    end = active + (idle if 0 < idle <= MAX_AGE else MAX_AGE)
    absolute = min(e["absolute"], MAX_AGE) or (max(settings.absolute, e["idle"]) if settings.absolute > 0 else 0)
    return min(end, max(created, e["login"]) + absolute) if absolute > 0 else end


def decode(data):
    if data[:2] != b"\xe5\x01" or crc32c(data[6:]) != struct.unpack_from(">I", data, 2)[0]:
        raise ValueError("not an envelope of version 1, or damaged")
    e, at = {"previous": [], "login": 0, "rotated": 0, "idle": 0, "absolute": 0}, 6
    while data[at] != 0:
        tag, (size, at) = data[at], uvarint(data, at + 1)
        field, at = data[at:at + size], at + size
        if tag == 1:
            e["digest"] = field
        elif tag == 2:
            e["previous"].append(struct.unpack(">32sBq", field))
        elif tag == 3:
            e["rotated"] = struct.unpack(">q", field)[0]
        elif tag == 4:
            e["login"] = struct.unpack(">q", field)[0]
        elif tag == 5:
            e["idle"], e["absolute"] = struct.unpack(">qq", field)
    e["document"] = json.loads(data[at + 1:])
    return e


def uvarint(b, at):
    n = shift = 0
    while b[at] >= 0x80:
        n, shift, at = n | (b[at] & 0x7F) << shift, shift + 7, at + 1
    return n | b[at] << shift, at + 1


def crc32c(b):
    c = 0xFFFFFFFF
    for x in b:
        c = TABLE[(c ^ x) & 0xFF] ^ c >> 8
    return c ^ 0xFFFFFFFF


TABLE = list(range(256))
for _ in range(8):
    TABLE = [n >> 1 ^ (0x82F63B78 if n & 1 else 0) for n in TABLE]


# What the stores hold. Each function returns (owner, created, active, expires, data), or None.

SELECT = "SELECT owner, created_at, last_activity, expires_at, data FROM %s WHERE id = ?"  # other drivers: %s


def from_sqlite(file, table, id):
    db = sqlite3.connect("file:%s?mode=ro" % file, uri=True)
    try:
        return db.execute(SELECT % table, (id,)).fetchone()
    finally:
        db.close()


def from_folder(folder, id):
    name = id.hex()
    try:
        with open(os.path.join(folder, "records", name[:2], name), "rb") as f:
            return from_file(f.read(), id)
    except FileNotFoundError:
        return None


def from_file(b, id):
    head, data_sum, own, created, cn, active, an, expires, en, length, *texts = struct.unpack_from("<II16s8xqIqIqII3H", b, 8)
    end = 86 + sum(texts)
    if b[:8] != b"session\x01" or crc32c(b[12:end]) != head or own != id or len(b) - end != length or crc32c(b[end:]) != data_sum:
        raise ValueError("not a record, or damaged")
    return b[86:86 + texts[0]].decode(), created * 10**9 + cn, active * 10**9 + an, expires * 10**9 + en, b[end:]


def from_redis(b):
    if b[16] != 1:
        raise ValueError("not a value of format 1")
    active, expires, created, size = struct.unpack_from(">QQQB", b, 33)
    owner, at = b[58:58 + size].decode(), 58 + size
    for _ in ("address", "user agent"):
        size, at = uvarint(b, at)
        at += size
    return owner, created - 2**63, active - 2**63, expires - 2**63, b[at:]


def from_nats(b):
    if b[0] != 1:
        raise ValueError("not a message of format 1")
    created, cn, active, an, expires, en, *texts = struct.unpack_from(">qIqIqI3H", b, 33)
    return b[75:75 + texts[0]].decode(), created * 10**9 + cn, active * 10**9 + an, expires * 10**9 + en, b[75 + sum(texts):]


def main():
    """For the tests: judges one case on each line."""
    for line in sys.stdin:
        c = json.loads(line)
        kind, value = c["kind"], c["value"]
        binary = base64.b64decode(value) if kind in ("file", "redis", "nats") else None
        load = {
            "none": lambda id: None,
            "sql": lambda id: (value["owner"], int(value["created_at"]), int(value["last_activity"]), int(value["expires_at"]), base64.b64decode(value["data"])),
            "sqlite": lambda id: from_sqlite(value["file"], value["table"], id),
            "folder": lambda id: from_folder(value, id),
            "file": lambda id: from_file(binary, id),
            "redis": lambda id: from_redis(binary),
            "nats": lambda id: from_nats(binary),
        }[kind]
        settings = Settings(c["scopes"], int(c["idle"]), int(c["absolute"]))
        outcome, s = judge(c["token"], load, settings, int(c["now"]))
        answer = {"outcome": outcome}
        if s:
            answer.update(s, created=str(s["created"]), authenticated=str(s["authenticated"]), expires=str(s["expires"]))
        print(json.dumps(answer))


if __name__ == "__main__":
    main()
