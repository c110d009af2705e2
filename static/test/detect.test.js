import assert from "node:assert/strict";
import { test } from "node:test";
import { base64, detect, foreign, fromFile } from "../src/core/detect.js";

const C = '#include <linux/bpf.h>\n#include <bpf/bpf_helpers.h>\nSEC("xdp")\nint f(void *ctx)\n{\n\treturn 2;\n}\n';
const LOG = "func#0 @0\n0: R1=ctx() R10=fp0\n0: (b7) r0 = 0 ; R0_w=0\nprocessed 2 insns (limit 1000000) max_states_per_insn 0\n";
const LISTING = "   0: (b7) r0 = 0\n   1: (95) exit\n";
const OBJDUMP = "Disassembly of section xdp:\n\n0000000000000000 <f>:\n       0:\tb7 00 00 00 02 00 00 00\tr0 = 0x2\n       1:\t95 00 00 00 00 00 00 00\texit\n";

/** @type {[string, string, string | undefined, boolean][]} text, kind, foreign, whether it can stand alone */
const TEXTS = [
  [C, "c", undefined, true],
  ["return bpf_ktime_get_ns();", "c", undefined, false],
  ["r0 = 0\nexit\n", "asm", undefined, true],
  ["r1 += 4", "asm", undefined, false],
  ["mov r0, 2\nexit", "asm", undefined, true],
  ["b7 00 00 00 02 00 00 00 95 00 00 00 00 00 00 00", "hex", undefined, true],
  ["b700000002000000 95", "hex", undefined, false],
  [LOG, "log", "log", true],
  ["R1 !read_ok", "log", "log", false],
  ["libbpf: failed to load object 'x.bpf.o'\nFailed to load and verify BPF skeleton\n", "log", "log", true],
  [JSON.stringify({ level: "error", msg: LOG }), "log", "log", true],
  [JSON.stringify({ log: `bpf: Failed to load program: Permission denied\n${LISTING}R1 invalid mem access 'inv'\n` }), "log", "log", true],
  [`bpf: Failed to load program: Permission denied\n${LISTING}`, "log", "log", true],
  [`> \`\`\`\n${LOG.replace(/^/gm, "> ")}`, "log", "log", true],
  [LOG.replace(/^/gm, "2024-03-21T10:11:12.000000001Z stderr F "), "log", "log", true],
  ['bpf_printk("processed %d\\n", 1);', "c", undefined, false],
  ["program f: load program: bad CO-RE relocation: invalid func unknown#195896080 (19 line(s) omitted)", "log", "log", true],
  ["it fails on 5.4:\n```\n35: (85) call bpf_uuused15#125\nunknown func bpf_uuused15#125\n```", "log", "log", true],
  ['bpf_test.go:472: error while loading "cgroup/skb":\n\t0: (b7) r0 = 123\n\t1: (95) exit\n\tAt program exit the register R0 has value (0x7b; 0x0) should have been 0 or 1\n', "log", "log", true],
  [`${LISTING}R1 leaks addr into mem\n`, "log", "log", true],
  [`int f(struct xdp_md * ctx):\n; return 0;\n   0: (b7) r0 = 0\n       b7 00 00 00 00 00 00 00\n; done here\n   1: (95) exit\n       95 00 00 00 00 00 00 00\n`, "listing", "listing", true],
  [LISTING, "listing", "listing", true],
  [OBJDUMP, "listing", "listing", true],
  ["   0:\tnopl 0x0(%rax,%rax,1)\n   5:\tpush %rbp\n   6:\tmov %rsp,%rbp\n", "c", "machine", false],
  ["kprobe:do_sys_open\n{\n  printf(\"%s\", comm);\n}\n", "c", "bpftrace", true],
  ["from bcc import BPF\nb = BPF(text='x')\n", "c", "bcc", false],
  ["BPF_HASH(counts);\nint f(struct pt_regs *ctx) { return 0; }\n", "c", "bcc", false],
];

test("kinds of pasted texts", () => {
  for (const [text, kind, other, whole] of TEXTS) {
    const found = detect(text);
    const read = other === "log" || other === "listing";
    assert.deepEqual([found?.kind, found?.foreign, found?.whole], [kind, read ? undefined : other, whole], text);
    assert.equal(foreign(text)?.kind, other, text);
  }
  assert.equal(detect("  \n"), null);
  assert.equal(detect("hello there"), null);
});

test("a log that quotes a program is a log, a program that quotes a log is a program", () => {
  assert.equal(foreign(LOG)?.kind, "log");
  assert.equal(foreign(`${C}\n/*\n${LOG}*/`), null);
});

const file = (name, data) => new File([data], name);

test("files: objects and captures by their first bytes, text by its name", async () => {
  const elf = Uint8Array.of(0x7f, 0x45, 0x4c, 0x46, 1, 2);
  assert.deepEqual(await fromFile(file("a.o", elf), {}), { kind: "elf", source: base64(elf), said: "Recognized as an ELF object: a.o.", name: "a.o" });
  const pcap = await fromFile(file("a.pcap", Uint8Array.of(0xd4, 0xc3, 0xb2, 0xa1)), {});
  assert.deepEqual(pcap.input, { kind: "pcap", base64: "1MOyoQ==" });
  assert.equal((await fromFile(file("a.c", "r0 = 0"), {})).kind, "c");
  assert.equal((await fromFile(file("a.s", "int x;"), {})).kind, "asm");
  assert.equal((await fromFile(file("README", "r0 = 0\nexit"), {})).kind, "asm");
  assert.equal((await fromFile(file("README", "plain words"), {})).kind, "c");
  assert.equal((await fromFile(file("a.log", "plain words"), {})).kind, "log");
  assert.equal((await fromFile(file("a.txt", LOG), {})).kind, "log");
  assert.match((await fromFile(file("a.bin", "a\0b"), {})).error, /is not a text/);
  assert.match((await fromFile(file("a.c", "x".repeat(11)), { elf_bytes: 10 })).error, /has 11 bytes, and at most 10 are accepted/);
});

test("a file that no message carries is uploaded if it is a log", async () => {
  const limits = { elf_bytes: 10, log_bytes: 20, upload_bytes: 1000 };
  const long = file("verifier.out", LOG);
  const found = await fromFile(long, limits);
  assert.deepEqual([found.kind, found.source, found.file, found.name], ["log", "", long, "verifier.out"]);
  assert.equal((await fromFile(file("a.log", "plain words, many of them"), limits)).kind, "log");
  assert.match((await fromFile(file("a.out", "plain words, many of them"), limits)).error, /at most 20 are accepted/);
  assert.match((await fromFile(file("a.log", "a\0plain words, many of them"), limits)).error, /at most 20 are accepted/);
  assert.match((await fromFile(file("a.log", LOG.repeat(10)), limits)).error, /a log of at most 1000 is taken/);
});
