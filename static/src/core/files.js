/** The user's own headers beside a C source: their names, and which of them a source includes. */

/** @typedef {Record<string, string>} Files name -> text */

export const MOST_FILES = 32;
export const MOST_BYTES = 256 << 10;

const NAME = /^(?=.{1,128}$)[A-Za-z0-9_][A-Za-z0-9_.+@-]*(\/[A-Za-z0-9_][A-Za-z0-9_.+@-]*){0,7}$/;
/** Names that the source itself, what is added to it, and the header with the kernel's types have. */
const TAKEN = new Set(["program.c", "added.h", "vmlinux.h"]);

/** Why a file cannot be called so, "" if it can. @param {string} name @param {Files} files those there are @param {string} [self] the one that is renamed */
export function wrongName(name, files, self = "") {
  if (!name) return "Enter a name, such as parse.h.";
  if (!NAME.test(name)) return "A file's name is a relative path of letters, digits and _ . + @ -, and no part of it begins with a point.";
  if (TAKEN.has(name)) return `There is a file ${name} already: it cannot be replaced.`;
  const others = Object.keys(files).filter((other) => other !== self);
  if (others.includes(name)) return `There is a file ${name} already.`;
  const clash = others.find((other) => other.startsWith(`${name}/`) || name.startsWith(`${other}/`));
  if (clash) return `${clash} is there: a name cannot be both a file and a folder.`;
  if (others.length >= MOST_FILES) return `There are ${MOST_FILES} files already.`;
  return "";
}

/** The files without one, or with another name for it, in their order. @param {Files} files @param {string} name @param {string} [to] */
export const without = (files, name, to = "") =>
  Object.fromEntries(Object.entries(files).flatMap(([each, text]) => (each !== name ? [[each, text]] : to ? [[to, text]] : [])));

/** Bytes of all texts. @param {Files} files */
export const bytesOf = (files) => new Blob(Object.values(files)).size;

/** "line 12", "line 3 of parse.h". @param {number | string | null | undefined} line @param {string} [file] */
export const lineName = (line, file = "") => (file ? `line ${line} of ${file}` : `line ${line}`);

/** The last part of a path. @param {string} name */
export const baseName = (name) => name.slice(name.lastIndexOf("/") + 1);

const INCLUDE = /^[ \t]*#[ \t]*include[ \t]*(?:"([^"\n]{1,256})"|<([^>\n]{1,256})>)/gm;

/** A path without "." and ".."; parts that lead out of the folder are dropped, as the server's folders do. @param {string} path */
function normal(path) {
  /** @type {string[]} */
  const parts = [];
  for (const part of path.split("/")) {
    if (part === "..") parts.pop();
    else if (part && part !== ".") parts.push(part);
  }
  return parts.join("/");
}

/**
 * Which of the files an #include means: beside the one that includes it, in the folder, or in one below it.
 * @param {string} name @param {string} from the including file @param {Iterable<string>} names
 */
export function meant(name, from, names) {
  const known = new Set(names);
  const beside = normal(`${from.slice(0, from.lastIndexOf("/") + 1)}${name}`);
  if (known.has(beside)) return beside;
  const plain = normal(name);
  if (known.has(plain)) return plain;
  return [...known].find((each) => each.endsWith(`/${plain}`)) ?? null;
}

/** What a text includes. @param {string} text @returns {string[]} */
export const included = (text) => [...text.matchAll(INCLUDE)].map(([, quoted, angled]) => quoted ?? angled);

/**
 * Those of the files that a source includes, and that these include.
 * @param {string} path of the source @param {string} source @param {Files} files
 * @returns {Files}
 */
export function needed(path, source, files) {
  /** @type {Set<string>} */
  const found = new Set();
  const todo = [[path, source]];
  for (let at = 0; at < todo.length; at++) {
    const [from, text] = todo[at];
    for (const name of included(text)) {
      const file = meant(name, from, Object.keys(files));
      if (file === null || found.has(file) || file === path) continue;
      found.add(file);
      todo.push([file, files[file]]);
    }
  }
  return Object.fromEntries(Object.entries(files).filter(([name]) => found.has(name)));
}

/**
 * The source with the files it includes written in their places: one file that compiles alone.
 * @param {string} source @param {Files} files
 */
export function inlined(source, files) {
  /** @type {Set<string>} */
  const once = new Set();
  /** @param {string} text @param {string} from @param {string[]} open @returns {string} */
  const expand = (text, from, open) =>
    text.replace(INCLUDE, (line, quoted, angled) => {
      const file = meant(quoted ?? angled, from, Object.keys(files));
      if (file === null || open.includes(file)) return line;
      if (once.has(file)) return `/* ${file}: above */`;
      const pragma = /^[ \t]*#[ \t]*pragma[ \t]+once\b.*\n?/m;
      if (pragma.test(files[file])) once.add(file);
      return `/* ${file} */\n${expand(files[file].replace(pragma, ""), file, [...open, file]).replace(/\n$/, "")}\n/* end of ${file} */`;
    });
  return expand(source, "", []);
}
