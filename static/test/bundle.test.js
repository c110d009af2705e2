import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { BadArchive, LIMITS, gunzip, inside, isGzip, isTar, untar } from "../src/core/archive.js";
import { bundled, unpacked, wanted } from "../src/core/bundle.js";

const encoder = new TextEncoder();

/** One entry of a tar archive. @param {string} name @param {string | Uint8Array} content @param {{type?: string, size?: number, link?: string}} [more] */
function entry(name, content, { type = "0", size, link = "" } = {}) {
  const body = typeof content === "string" ? encoder.encode(content) : content;
  const head = new Uint8Array(512);
  /** @param {number} at @param {string} text */
  const put = (at, text) => head.set(encoder.encode(text), at);
  put(0, name);
  put(100, "0000644\0");
  put(124, (size ?? body.length).toString(8).padStart(11, "0"));
  put(156, type);
  put(157, link);
  put(257, "ustar\x0000");
  head.fill(32, 148, 156);
  put(148, `${head.reduce((sum, byte) => sum + byte, 0).toString(8).padStart(6, "0")}\0`);
  const padded = new Uint8Array(Math.ceil(body.length / 512) * 512);
  padded.set(body);
  return [head, padded];
}

/** @param {Uint8Array[][]} entries */
function tar(...entries) {
  const parts = [...entries.flat(), new Uint8Array(1024)];
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

const MAIN = '#include "mine.h"\nSEC("xdp")\nint p(void *c) { return MINE; }\n';

test("an archive gives its regular files; links, devices and paths out of it are left out", () => {
  const data = tar(
    entry("proj/main.c", MAIN),
    entry("./proj/mine.h", "#define MINE 2\n"),
    entry("../../etc/passwd", "root\n"),
    entry("/etc/shadow.h", "x"),
    entry("proj/link.h", "", { type: "2", link: "/etc/passwd" }),
    entry("proj/hard.h", "", { type: "1", link: "proj/main.c" }),
    entry("proj/dev.h", "", { type: "3" }),
    entry("proj/", "", { type: "5" }),
    entry("x", `${"path=proj/a/pax.h\n".length + 3} path=proj/a/pax.h\n`, { type: "x" }),
    entry("short.h", "int pax;"),
    entry("././@LongLink", `proj/${"d/".repeat(60)}gnu.h\0`, { type: "L" }),
    entry("short2.h", "int gnu;"),
  );
  const { entries, left } = untar(data);
  assert.deepEqual(entries.map(({ path }) => path), ["proj/main.c", "proj/mine.h", "proj/a/pax.h", `proj/${"d/".repeat(60)}gnu.h`]);
  assert.equal(left, 5);
  assert.ok(isTar(data) && !isGzip(data));
});

test("paths stay inside", () => {
  for (const path of ["/a", "../a", "a/../../b", "a/..", "", ".", "a\\b", "a\0b"]) assert.equal(inside(path), null, path);
  assert.equal(inside("./a//b/./c"), "a/b/c");
});

test("what is no archive, cut, too long or too much is said so", async () => {
  const good = tar(entry("a.h", "x".repeat(2000)));
  assert.throws(() => untar(good.subarray(0, 1024)), BadArchive);
  const flipped = good.slice();
  flipped[3] ^= 1;
  assert.throws(() => untar(flipped), BadArchive);
  assert.throws(() => untar(encoder.encode("z".repeat(2000))), BadArchive);
  assert.throws(() => untar(tar(entry("a.h", "", { size: 2 ** 32 }))), BadArchive);
  const many = tar(...Array.from({ length: LIMITS.entries + 1 }, (_, i) => entry(`f${i}.txt`, "")));
  assert.throws(() => untar(many, () => false), /entries/);
  const sources = tar(...Array.from({ length: LIMITS.files + 1 }, (_, i) => entry(`f${i}.h`, "")));
  assert.throws(() => untar(sources), /sources/);
  const bomb = gzipSync(new Uint8Array(8 << 20));
  assert.ok(bomb.length < 20000);
  await assert.rejects(gunzip(new Blob([bomb]), 1 << 20), /more than 1 MiB/);
  await assert.rejects(gunzip(new Blob([bomb.subarray(0, 4000)]), 16 << 20), BadArchive);
  assert.deepEqual(untar(tar(entry("big.h", new Uint8Array(LIMITS.file + 1)))), { entries: [], left: 1 });
});

const about = { from: "p.tar.gz", limits: { source_bytes: 65536, elf_bytes: 1 << 20 } };
/** @param {Record<string, string | Uint8Array>} files */
const entries = (files) => Object.entries(files).map(([path, text]) => ({ path, data: typeof text === "string" ? encoder.encode(text) : text }));

test("a packed archive is a program with its own headers", async () => {
  const data = tar(entry("p-1.0/src/x.bpf.c", MAIN), entry("p-1.0/src/mine.h", "#define MINE 2\n"), entry("p-1.0/README", "read"), entry("p-1.0/vmlinux.h", "typedef int x;"));
  const found = await unpacked(/** @type {any} */ (new Blob([gzipSync(data)])));
  assert.ok(found);
  const program = /** @type {any} */ (bundled(found.entries, { ...about, left: found.left }));
  assert.equal(program.kind, "c");
  assert.equal(program.source, MAIN);
  assert.equal(program.name, "x.bpf.c");
  assert.deepEqual(program.files, { "src/mine.h": "#define MINE 2\n" });
  assert.equal(await unpacked(/** @type {any} */ (new Blob(["int x;"]))), null);
});

test("of several programs the likeliest is opened, and the others stand beside it", () => {
  const found = /** @type {any} */ (bundled(entries({ "z/user.c": "int main(void) { return 0; }", "z/b.bpf.c": MAIN, "z/a.c": MAIN, "z/mine.h": "" }), about));
  assert.equal(found.name, "b.bpf.c");
  assert.deepEqual(Object.keys(found.files).sort(), ["a.c", "mine.h", "user.c"]);
  assert.match(found.said, /other programs: a\.c/);
});

test("a section may stand between the type and the name of a function", () => {
  const found = /** @type {any} */ (bundled(entries({ "a.c": 'struct bpf_map_def SEC("maps") m = {};', "z.c": 'int SEC("filter") f(struct __sk_buff *skb)' }), about));
  assert.equal(found.name, "z.c");
  assert.doesNotMatch(found.said, /other programs/);
});

test("of many files those that the program includes are taken", () => {
  const many = Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`h${i}.h`, ""]));
  const found = /** @type {any} */ (bundled(entries({ ...many, "x.c": MAIN, "mine.h": '#include "h7.h"\n' }), about));
  assert.deepEqual(Object.keys(found.files).sort(), ["h7.h", "mine.h"]);
  const big = /** @type {any} */ (bundled(entries({ "x.c": MAIN, "mine.h": "x".repeat(300 << 10) }), about));
  assert.match(big.error, /at most/);
});

test("headers alone belong to the program that is there; objects and nothing are said", () => {
  const headers = /** @type {any} */ (bundled(entries({ "mine.h": "int x;" }), about));
  assert.deepEqual(headers.headers, { "mine.h": "int x;" });
  const object = /** @type {any} */ (bundled(entries({ "p.o": new Uint8Array([0x7f, 0x45, 0x4c, 0x46, 1]) }), about));
  assert.equal(object.kind, "elf");
  assert.match(/** @type {any} */ (bundled(entries({ "main.c": "int main(void) {}" }), about)).error, /no BPF program/);
  const hostile = /** @type {any} */ (bundled(entries({ '<img src=x onerror="alert(1)">.h': "x", "../../etc/passwd.h": "x", [`${"a".repeat(300)}.h`]: "x", "\u202eh.x.h": "x", "p.c": MAIN }), about));
  assert.deepEqual(hostile.files, {});
  assert.match(hostile.said, /4 entries left out/);
  assert.ok(!wanted("node_modules/x.c") && !wanted(".git/x.h") && wanted("a/b.h"));
});
