/** Archives (.tar, .tar.gz) that a person drops: read in this page, within bounds, and never written anywhere. */

/** @typedef {{path: string, data: Uint8Array}} Entry */

/** Bytes of an archive once it is unpacked, entries that are looked at, files that are kept and bytes of one. */
export const LIMITS = { unpacked: 32 << 20, entries: 4000, files: 400, file: 2 << 20 };
const BLOCK = 512;

/** Why an archive cannot be read, for the person who dropped it. */
export class BadArchive extends Error {}

/** Whether bytes begin as gzip does. @param {Uint8Array} data */
export const isGzip = (data) => data[0] === 0x1f && data[1] === 0x8b;

/** Whether bytes begin as a tar archive does. @param {Uint8Array} data */
export const isTar = (data) => data.length >= BLOCK && text(data, 257, 5) === "ustar";

/** Text of a field, up to its first NUL. @param {Uint8Array} data @param {number} at @param {number} length */
function text(data, at, length) {
  const field = data.subarray(at, at + length);
  const end = field.indexOf(0);
  return new TextDecoder().decode(end < 0 ? field : field.subarray(0, end));
}

/**
 * What gzip packed. BadArchive if it is damaged, or more than the bound.
 * @param {Blob} blob
 */
export async function gunzip(blob, most = LIMITS.unpacked) {
  const reader = blob.stream().pipeThrough(new DecompressionStream("gzip")).getReader();
  /** @type {Uint8Array[]} */
  const parts = [];
  let length = 0;
  for (;;) {
    const { done, value } = await reader.read().catch(() => {
      throw new BadArchive("The archive is damaged.");
    });
    if (done) break;
    length += value.length;
    if (length > most) {
      await reader.cancel();
      throw new BadArchive(`The archive unpacks to more than ${most >> 20} MiB.`);
    }
    parts.push(value);
  }
  const all = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** A path within the archive's folder, null for one that leads out of it or is absolute. @param {string} path */
export function inside(path) {
  if (path.startsWith("/") || path.includes("\\") || path.includes("\0")) return null;
  const parts = path.split("/").filter((part) => part && part !== ".");
  return parts.length && !parts.includes("..") ? parts.join("/") : null;
}

/** @param {Uint8Array} data @param {number} at @param {number} length */
function number(data, at, length) {
  const digits = text(data, at, length).trim();
  if (!/^[0-7]*$/.test(digits)) throw new BadArchive("The archive is damaged: a size in it is no number.");
  return digits ? Number.parseInt(digits, 8) : 0;
}

/** Whether the checksum of a header is right. @param {Uint8Array} head */
function sound(head) {
  let sum = 0;
  for (let i = 0; i < BLOCK; i++) sum += i >= 148 && i < 156 ? 32 : head[i];
  return sum === number(head, 148, 8);
}

/** The path in a pax header: records of "LENGTH path=VALUE\n". @param {Uint8Array} data */
function paxPath(data) {
  let at = 0;
  let path = "";
  while (at < data.length) {
    const space = data.indexOf(32, at);
    const length = space < 0 ? 0 : Number.parseInt(text(data, at, space - at), 10);
    if (!(length > 0) || at + length > data.length) return path;
    const record = text(data, space + 1, at + length - space - 2);
    if (record.startsWith("path=")) path = record.slice(5);
    at += length;
  }
  return path;
}

/** Types of entries: a file, a pax header for the next entry, one for all, GNU's long name, a folder. */
const FILE = "0";
const PAX = "x";
const PAX_ALL = "g";
const LONG_NAME = "L";
const FOLDER = "5";

/**
 * The entries of a tar archive with the names that extra headers give them. BadArchive if it is none.
 * @param {Uint8Array} data
 * @returns {Generator<{name: string, type: string, size: number, body: number}>} `body`: where its bytes begin
 */
function* entriesOf(data) {
  let long = "";
  let seen = 0;
  for (let at = 0; at + BLOCK <= data.length; ) {
    const head = data.subarray(at, at + BLOCK);
    if (head.every((byte) => byte === 0)) return;
    if (!sound(head)) throw new BadArchive(at ? "The archive is damaged." : "This is no tar archive.");
    if (++seen > LIMITS.entries) throw new BadArchive(`The archive has more than ${LIMITS.entries} entries.`);
    const size = number(head, 124, 12);
    const body = at + BLOCK;
    if (body + size > data.length) throw new BadArchive("The archive does not hold all that it names: it is cut.");
    at = body + Math.ceil(size / BLOCK) * BLOCK;
    const type = head[156] ? String.fromCharCode(head[156]) : FILE;
    if (type === PAX || type === LONG_NAME) {
      const told = data.subarray(body, body + Math.min(size, 1 << 16));
      long = type === PAX ? paxPath(told) || long : text(told, 0, told.length);
      continue;
    }
    const prefix = text(head, 257, 5) === "ustar" ? text(head, 345, 155) : "";
    yield { name: long || (prefix ? `${prefix}/` : "") + text(head, 0, 100), type, size, body };
    long = "";
  }
}

/**
 * The regular files of a tar archive that are small enough; links, devices and paths that lead out of it are left out and
 * counted. BadArchive if it is none.
 * @param {Uint8Array} data
 * @param {(path: string) => boolean} wanted
 * @returns {{entries: Entry[], left: number}}
 */
export function untar(data, wanted = () => true) {
  /** @type {Entry[]} */
  const entries = [];
  let left = 0;
  for (const { name, type, size, body } of entriesOf(data)) {
    if (type === FOLDER || type === PAX_ALL) continue;
    const path = inside(name);
    if (type !== FILE || path === null || size > LIMITS.file) left++;
    else if (wanted(path)) {
      if (entries.length >= LIMITS.files) throw new BadArchive(`The archive has more than ${LIMITS.files} sources.`);
      entries.push({ path, data: data.subarray(body, body + size) });
    }
  }
  return { entries, left };
}
