// @ts-check
// Reads the sessions of github.com/expanse-go/session. docs/format.md explains each step. The types
// are those of TypeScript, in comments, so that every Node runs this file. Needs Node 18.
//
//	const { outcome, session } = await judge(cookieValue, (id) => fromFolder('/var/lib/app/sessions', id),
//	  { scopes: ['__Host-session'], idle: 2n * HOUR, absolute: 24n * HOUR }, BigInt(Date.now()) * 1_000_000n);

import { createHash, timingSafeEqual } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

/**
 * Times and durations are nanoseconds, and times count from 1970. They need a bigint.
 * @typedef {{ owner: string, created: bigint, active: bigint, expires: bigint, data: Buffer }} StoredRecord
 * @typedef {{ scopes: string[], idle: bigint, absolute: bigint }} Settings of the Go program
 * @typedef {{ owner: string, created: bigint, authenticated: bigint, expires: bigint, document: Record<string, any> }} Session
 * @typedef {'found' | 'malformed' | 'unknown' | 'corrupt' | 'expired' | 'replaced'} Outcome
 * @typedef {{ digest: Buffer, previous: Buffer[], rotated: bigint, login: bigint, idle: bigint, absolute: bigint, document: any }} Envelope
 */

export const HOUR = 3_600_000_000_000n;
const MAX_AGE = 400n * 24n * HOUR;
const max = (/** @type {bigint[]} */ ...n) => n.reduce((a, b) => (a > b ? a : b));
const min = (/** @type {bigint[]} */ ...n) => n.reduce((a, b) => (a < b ? a : b));
const sha256 = (/** @type {Buffer | string} */ b) => createHash('sha256').update(b).digest();

/** What load throws if a value is not a record; judge answers "corrupt". */
export class Corrupt extends Error {}

/**
 * Returns an outcome, and the session if that is "found". load returns the record of an ID, or null.
 * @param {string} token @param {(id: Buffer) => Promise<StoredRecord | null> | StoredRecord | null} load
 * @param {Settings} settings @param {bigint} now @returns {Promise<{ outcome: Outcome, session?: Session }>}
 */
export async function judge(token, load, settings, now) {
  if (!/^[A-Za-z0-9_-]{64}$/.test(token)) return { outcome: 'malformed' };
  const raw = Buffer.from(token, 'base64url'); // the ID, 16 bytes, and the secret, 32 bytes
  if (raw.subarray(0, 16).equals(Buffer.alloc(16))) return { outcome: 'malformed' };
  let record, e;
  try {
    record = await load(raw.subarray(0, 16));
    if (!record) return { outcome: 'unknown' };
    e = decode(record.data);
  } catch (err) {
    if (err instanceof Corrupt || err instanceof RangeError || err instanceof SyntaxError) return { outcome: 'corrupt' };
    throw err; // the store has failed
  }
  const standings = settings.scopes.map((scope) => standing(e, digestOf(scope, raw), now));
  let outcome = standings.find((s) => s !== 'unknown') ?? 'unknown';
  let expires = min(record.expires, limit(e, record, settings));
  if (max(record.created, record.active, e.login, e.rotated) > now + HOUR) expires = 0n;
  if (outcome !== 'unknown' && now >= expires) outcome = 'expired';
  if (outcome !== 'found') return { outcome };
  return { outcome, session: { owner: record.owner, created: record.created, authenticated: e.login, expires, document: e.document } };
}

/** @param {string} scope @param {Buffer} raw */
function digestOf(scope, raw) {
  return sha256(Buffer.concat([sha256('session/1\0' + scope).subarray(0, 7), raw]));
}

/** @param {Envelope} e @param {Buffer} digest @param {bigint} now @returns {Outcome} */
function standing(e, digest, now) {
  if (timingSafeEqual(e.digest, digest)) return 'found';
  for (const p of e.previous) {
    if (timingSafeEqual(p.subarray(0, 32), digest) && now < p.readBigInt64BE(33)) return p[32] === 1 ? 'found' : 'replaced';
  }
  return 'unknown';
}

/**
 * The end by the settings that hold now, which may be earlier than the end that is stored.
 * @param {Envelope} e @param {StoredRecord} r @param {Settings} settings
 */
function limit(e, r, settings) {
  const idle = e.idle || settings.idle;
  const end = r.active + (idle > 0n && idle <= MAX_AGE ? idle : MAX_AGE);
  const absolute = min(e.absolute, MAX_AGE) || (settings.absolute > 0n ? max(settings.absolute, e.idle) : 0n);
  return absolute > 0n ? min(end, max(r.created, e.login) + absolute) : end;
}

/** @param {Buffer} data @returns {Envelope} */
function decode(data) {
  if (data.readUInt16BE(0) !== 0xe501 || crc32c(data.subarray(6)) !== data.readUInt32BE(2)) throw new Corrupt('envelope');
  const e = { digest: Buffer.alloc(0), previous: [], rotated: 0n, login: 0n, idle: 0n, absolute: 0n, document: null };
  let at = 6;
  while (data.readUInt8(at) !== 0) {
    const tag = data[at];
    const [size, from] = uvarint(data, at + 1);
    const field = data.subarray(from, (at = from + size));
    if (tag === 1) e.digest = field;
    if (tag === 2) e.previous.push(field);
    if (tag === 3) e.rotated = field.readBigInt64BE();
    if (tag === 4) e.login = field.readBigInt64BE();
    if (tag === 5) [e.idle, e.absolute] = [field.readBigInt64BE(0), field.readBigInt64BE(8)];
  }
  e.document = JSON.parse(data.subarray(at + 1).toString()); // rounds integers beyond 2^53
  return e;
}

/** @param {Buffer} b @param {number} at @returns {[number, number]} the number and where it ends */
function uvarint(b, at) {
  let n = 0;
  for (let scale = 1; ; scale *= 128) {
    const x = b.readUInt8(at++);
    n += (x & 0x7f) * scale;
    if (x < 0x80) return [n, at];
  }
}

const table = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let i = 0; i < 8; i++) n = (n >>> 1) ^ (n & 1 ? 0x82f63b78 : 0);
  return n;
});

/** @param {Buffer} b */
function crc32c(b) {
  let c = -1;
  for (const x of b) c = table[(c ^ x) & 0xff] ^ (c >>> 8);
  return ~c >>> 0;
}

// What the stores hold.

export const SELECT = 'SELECT owner, created_at, last_activity, expires_at, data FROM sessions WHERE id = ?'; // or $1

/**
 * Times must come from the driver as strings or bigints: a number is not exact.
 * @param {any} row @returns {StoredRecord | null}
 */
export function fromSQL(row) {
  return row && { owner: row.owner, created: BigInt(row.created_at), active: BigInt(row.last_activity), expires: BigInt(row.expires_at), data: Buffer.from(row.data) };
}

/** @param {string} folder @param {Buffer} id @returns {Promise<StoredRecord | null>} */
export async function fromFolder(folder, id) {
  const name = id.toString('hex');
  try {
    return fromFile(await readFile(`${folder}/records/${name.slice(0, 2)}/${name}`), id);
  } catch (err) {
    if (/** @type {any} */ (err).code === 'ENOENT') return null;
    throw err;
  }
}

/** @param {Buffer} b @param {Buffer} id @returns {StoredRecord} */
export function fromFile(b, id) {
  const time = (/** @type {number} */ at) => b.readBigInt64LE(at) * 1_000_000_000n + BigInt(b.readUInt32LE(at + 8));
  const end = 86 + b.readUInt16LE(80) + b.readUInt16LE(82) + b.readUInt16LE(84);
  const whole = b.length - end === b.readUInt32LE(76) && crc32c(b.subarray(end)) === b.readUInt32LE(12);
  if (b.toString('latin1', 0, 8) !== 'session\x01' || crc32c(b.subarray(12, end)) !== b.readUInt32LE(8)) throw new Corrupt('file');
  if (!whole || !b.subarray(16, 32).equals(id)) throw new Corrupt('file');
  return { owner: b.toString('utf8', 86, 86 + b.readUInt16LE(80)), created: time(40), active: time(52), expires: time(64), data: b.subarray(end) };
}

/** @param {Buffer} b @returns {StoredRecord} */
export function fromRedis(b) {
  if (b.readUInt8(16) !== 1) throw new Corrupt('format');
  const time = (/** @type {number} */ at) => b.readBigUInt64BE(at) - (1n << 63n);
  const ownerEnd = 58 + b.readUInt8(57);
  let at = ownerEnd;
  for (let text = 0; text < 2; text++) {
    const [size, from] = uvarint(b, at); // the address, and the user agent
    at = from + size;
  }
  return { owner: b.toString('utf8', 58, ownerEnd), active: time(33), expires: time(41), created: time(49), data: b.subarray(at) };
}

/** @param {Buffer} b @returns {StoredRecord} */
export function fromNATS(b) {
  if (b.readUInt8(0) !== 1) throw new Corrupt('format');
  const time = (/** @type {number} */ at) => b.readBigInt64BE(at) * 1_000_000_000n + BigInt(b.readUInt32BE(at + 8));
  const end = 75 + b.readUInt16BE(69) + b.readUInt16BE(71) + b.readUInt16BE(73);
  return { owner: b.toString('utf8', 75, 75 + b.readUInt16BE(69)), created: time(33), active: time(45), expires: time(57), data: b.subarray(end) };
}

// For the tests: judges one case on each line.
if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  for await (const line of createInterface({ input: process.stdin })) {
    const { kind, value, token, scopes, idle, absolute, now } = JSON.parse(line);
    const binary = Buffer.from(typeof value === 'string' ? value : '', 'base64');
    /** @type {Record<string, (id: Buffer) => any>} */
    const loads = {
      none: () => null,
      sql: () => fromSQL({ ...value, data: Buffer.from(value.data, 'base64') }),
      folder: (id) => fromFolder(value, id),
      file: (id) => fromFile(binary, id),
      redis: () => fromRedis(binary),
      nats: () => fromNATS(binary),
    };
    const { outcome, session } = await judge(token, loads[kind], { scopes, idle: BigInt(idle), absolute: BigInt(absolute) }, BigInt(now));
    console.log(JSON.stringify({ outcome, ...session }, (_, v) => (typeof v === 'bigint' ? String(v) : v)));
  }
}
