/**
 * Several files at once (chosen, dropped, a folder, an archive): which of them is the program, and what belongs to it. To
 * an object belong the sources it was made of: which text is of which line the server decides, by whole paths
 * (vm/elf/texts.py); here it is enough that the object holds the name of a file.
 */
import { BadArchive, LIMITS, gunzip, inside, isGzip, isTar, untar } from "./archive.js";
import { base64 } from "./detect.js";
import { MOST_BYTES, MOST_FILES, baseName, bytesOf, needed, wrongName } from "./files.js";

/** @import { Entry } from "./archive.js" */
/** @import { FoundSource, NotFound } from "./detect.js" */
/** @import { Files } from "./files.js" */

/** @typedef {{headers: Files, said: string, kind?: undefined, input?: undefined, error?: undefined}} FoundHeaders files for the program that is there */
/** @typedef {{source_bytes?: number, elf_bytes?: number, object_bytes?: number}} Most */

const SOURCE = /\.c$/i;
const HEADER = /\.(h|hpp|inc)$/i;
/** Sources of objects that no compiler here makes. */
const OTHER = /\.(cc|cpp|cxx|rs|zig)$/i;
const OBJECT = /\.(o|elf)$/i;
const ELF = [0x7f, 0x45, 0x4c, 0x46];
/** Folders whose files are no program's own. */
const FOREIGN = /(^|\/)(\.[^/]*|node_modules|target|build)(\/|$)/;

/** Files that may matter. @param {string} path */
export const wanted = (path) => !FOREIGN.test(path) && [SOURCE, HEADER, OTHER, OBJECT].some((kind) => kind.test(path));

/** Whether a file may be one that an object was made of. @param {string} path @param {string} object its bytes as characters */
export const madeOf = (path, object) => (SOURCE.test(path) || HEADER.test(path) || OTHER.test(path)) && object.includes(baseName(path));

/** @param {Uint8Array} data */
const characters = (data) => new TextDecoder("latin1").decode(data);

/** @param {Uint8Array} data */
const isElf = (data) => ELF.every((byte, i) => data[i] === byte);
/** @param {string} text */
const isProgram = (text) => /^[ \t]*(?:\w[\w \t]*[\s*])?SEC\s*\(\s*"(?!license|\.?maps|version)/m.test(text) || /section\s*\(\s*"(?!license|\.maps|version|maps)/.test(text);

/** The entries of an archive, null for a file that is none. @param {File} file @returns {Promise<{entries: Entry[], left: number} | null>} */
export async function unpacked(file) {
  const head = new Uint8Array(await file.slice(0, 512).arrayBuffer());
  if (isTar(head)) {
    if (file.size > LIMITS.unpacked) throw new BadArchive(`The archive has more than ${LIMITS.unpacked >> 20} MiB.`);
    return untar(new Uint8Array(await file.arrayBuffer()), wanted);
  }
  return isGzip(head) ? untar(await gunzip(file), wanted) : null;
}

/** Paths without the folder that all of them are in. @param {Entry[]} entries */
function rooted(entries) {
  let all = entries;
  for (;;) {
    const top = all[0]?.path.split("/")[0];
    if (!all.length || !all.every(({ path }) => path.includes("/") && path.split("/")[0] === top)) return all;
    all = all.map(({ path, data }) => ({ path: path.slice(path.indexOf("/") + 1), data }));
  }
}

/**
 * What several files are: a C program with its own headers, an object, or headers for the program that is there.
 * @param {Entry[]} entries
 * @param {{left?: number, from: string, limits: Most, object?: string}} about `left`: entries that were left out; `from`: what they came in; `object`: the bytes of the object that is open, as characters
 * @returns {FoundSource | FoundHeaders | NotFound}
 */
export function bundled(entries, { left = 0, from, limits, object = "" }) {
  const inner = rooted(entries.filter(({ path }) => inside(path) !== null && wanted(path)));
  const objects = inner.filter(({ data }) => isElf(data));
  /** @type {Files} */
  const texts = {};
  let dropped = left + entries.length - inner.length;
  for (const { path, data } of inner.filter((entry) => !objects.includes(entry))) {
    const text = decoded(data);
    if (text === null || baseName(path) === "vmlinux.h" || (wrongName(path, {}) && !SOURCE.test(path))) dropped++;
    else texts[path] = text;
  }
  const beside = objects.length ? {} : sourcesOf(object, texts);
  if (Object.keys(beside).length) return { headers: beside, said: `${listed(Object.keys(beside))}: text of the object's lines.` };
  const first = objects[0] && withSources(objects, texts, from, limits);
  // Chosen by hand together with its source, the object is meant.
  if (first && first.error === undefined && first.files && objects.length === 1 && entries.every(({ path }) => !path.includes("/"))) return first;
  const programs = Object.keys(texts).filter((path) => SOURCE.test(path) && isProgram(texts[path])).sort(likelier);
  const path = programs[0];
  if (path === undefined) return first ?? without(texts, from);
  const source = texts[path];
  const most = limits.source_bytes ?? 64 << 10;
  if (new Blob([source]).size > most) return { error: `${path} has more than ${most} bytes, the most that a source may have.` };
  const files = chosen(path, source, Object.fromEntries(Object.entries(texts).filter(([name]) => !OTHER.test(name))));
  if (Object.keys(files).length > MOST_FILES || bytesOf(files) > MOST_BYTES)
    return { error: `${path} includes more of ${from} than is taken: at most ${MOST_FILES} files, together ${MOST_BYTES >> 10} KiB.` };
  const count = Object.keys(files).length;
  const others = programs.slice(1).filter((each) => each in files);
  const said = [
    `Opened ${path} of ${from}${count ? ` with ${count} more file${count > 1 ? "s" : ""}` : ""}.`,
    others.length ? `There are other programs: ${others.slice(0, 3).join(", ")}.` : "",
    dropped ? `${dropped} entr${dropped > 1 ? "ies" : "y"} left out.` : "",
  ];
  const other = first && first.error === undefined ? { other: first } : {};
  return { kind: "c", source, files, said: said.filter(Boolean).join(" "), name: baseName(path), whole: true, ...other };
}

/** The first object, with the sources it was made of. @param {Entry[]} objects @param {Files} texts @param {string} from @param {Most} limits @returns {FoundSource | NotFound} */
function withSources(objects, texts, from, limits) {
  const [{ path, data }] = objects;
  const most = limits.object_bytes ?? limits.elf_bytes ?? 1 << 20;
  if (data.length > most) return { error: `${path} has ${data.length} bytes, and at most ${most} are accepted.` };
  const files = sourcesOf(characters(data), texts);
  const names = Object.keys(files);
  const said = [`Opened ${path}, an ELF object${names.length ? `, with the text of ${listed(names)}` : ""}.`, objects.length > 1 ? `There are ${objects.length - 1} more objects in ${from}.` : ""];
  return { kind: "elf", source: base64(data), said: said.filter(Boolean).join(" "), name: baseName(path), ...(names.length ? { files } : {}) };
}

/** Those of the files that an object may be made of, as many as are taken. @param {string} object @param {Files} texts @returns {Files} */
function sourcesOf(object, texts) {
  /** @type {Files} */
  const found = {};
  for (const [path, text] of Object.entries(texts)) {
    if (!object || !madeOf(path, object) || wrongName(path, {}, path)) continue;
    const more = { ...found, [path]: text };
    if (Object.keys(more).length <= MOST_FILES && bytesOf(more) <= MOST_BYTES) found[path] = text;
  }
  return found;
}

/** @param {string[]} names */
const listed = (names) => `${names.slice(0, 3).join(", ")}${names.length > 3 ? ", …" : ""}`;

/** What there is without a C program and an object. @param {Files} texts @param {string} from @returns {FoundHeaders | NotFound} */
function without(texts, from) {
  const headers = Object.fromEntries(Object.entries(texts).filter(([path]) => HEADER.test(path)));
  const names = Object.keys(headers);
  if (names.length && names.length === Object.keys(texts).length) return { headers, said: `Added ${listed(names)}.` };
  return { error: `There is no BPF program in ${from}: no .c file has a section with SEC("…"), and no file is an object.` };
}

/** All files if they are few enough, else those that the source includes. @param {string} path @param {string} source @param {Files} texts @returns {Files} */
function chosen(path, source, texts) {
  const { [path]: _, ...others } = texts;
  const named = Object.fromEntries(Object.entries(others).filter(([name]) => !wrongName(name, {})));
  return Object.keys(named).length <= MOST_FILES && bytesOf(named) <= MOST_BYTES ? named : needed(path, source, named);
}

/** "x.bpf.c" first, then those nearer to the top, then by name. @param {string} a @param {string} b */
function likelier(a, b) {
  /** @param {string} path */
  const rank = (path) => [path.endsWith(".bpf.c") ? 0 : 1, path.split("/").length];
  const [one, two] = [rank(a), rank(b)];
  return one[0] - two[0] || one[1] - two[1] || (a < b ? -1 : 1);
}

/** The text of a file, null where it is none. @param {Uint8Array} data */
function decoded(data) {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(data);
    return text.includes("\0") ? null : text;
  } catch {
    return null;
  }
}

/**
 * The files of what was dropped, folders walked, within bounds.
 * @param {DataTransfer} transfer
 * @returns {Promise<{path: string, file: File}[]>}
 */
export async function dropped(transfer) {
  // Entries are only there until the event is over: all are taken before anything is awaited.
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.() ?? null);
  const files = [...transfer.files].map((file) => ({ path: file.name, file }));
  if (!entries.some((entry) => entry?.isDirectory)) return files;
  /** @type {{path: string, file: File}[]} */
  const found = [];
  const todo = entries.filter((entry) => entry !== null);
  let seen = 0;
  while (todo.length) {
    const entry = /** @type {FileSystemEntry} */ (todo.shift());
    if (++seen > LIMITS.entries) throw new BadArchive(`The folder has more than ${LIMITS.entries} entries.`);
    const path = entry.fullPath.replace(/^\/+/, "");
    if (entry.isDirectory) {
      if (!FOREIGN.test(path)) todo.push(...(await within(/** @type {FileSystemDirectoryEntry} */ (entry))));
    } else if (wanted(path)) {
      if (found.length >= LIMITS.files) throw new BadArchive(`The folder has more than ${LIMITS.files} sources.`);
      found.push({ path, file: await new Promise((resolve, reject) => /** @type {FileSystemFileEntry} */ (entry).file(resolve, reject)) });
    }
  }
  return found;
}

/** Everything in a folder: browsers tell a hundred at a time. @param {FileSystemDirectoryEntry} folder @returns {Promise<FileSystemEntry[]>} */
async function within(folder) {
  const reader = folder.createReader();
  /** @type {FileSystemEntry[]} */
  const all = [];
  while (all.length <= LIMITS.entries) {
    /** @type {FileSystemEntry[]} */
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) break;
    all.push(...some);
  }
  return all;
}

/** Files as entries. @param {{path: string, file: File}[]} files @returns {Promise<Entry[]>} */
export const read = (files) =>
  Promise.all(files.filter(({ file }) => file.size <= LIMITS.file).map(async ({ path, file }) => ({ path, data: new Uint8Array(await file.arrayBuffer()) })));
