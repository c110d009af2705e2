/** What a pasted text or a dropped file is. Kinds are told by structure: what every text of that kind has. */

import { MAGIC as RECORDING, openRecording } from "./recording.js";

/** @import { Limits, PcapInput } from "../types/messages.js" */
/** @import { SourceKind } from "./store.js" */
/** @import { Opened } from "./recording.js" */

/** @typedef {"machine" | "bpftrace" | "bcc"} ForeignKind a kind of text that this page cannot read */

/**
 * What a text or a file was taken for. `whole`: it can stand alone, and so replaces what is there; `foreign`: nothing can
 * be run from it; `file`: a log that is too long for a message, and is uploaded;
 * `recording`: the program comes with a recording of it.
 * @typedef {{kind: SourceKind, source: string, said: string, whole?: boolean, foreign?: ForeignKind, name?: string, files?: import("./files.js").Files, other?: FoundSource, file?: Blob, recording?: Opened, input?: undefined, error?: undefined}} FoundSource
 */

/** @typedef {{input: PcapInput, recording?: undefined, said: string, kind?: undefined, foreign?: undefined, error?: undefined}} FoundCapture */
/** @typedef {FoundSource | FoundCapture} Found */
/** @typedef {{error: string, input?: undefined}} NotFound */

const C_WHOLE = /(^|\n)\s*(#\s*include|SEC\s*\(|char\s+\w*\s*_?license\b)/i;
const C_LIKE = /[{};]/;
const ASM = /^\s*(?:\d+:\s*)?(?:[rw]\d+\s*[-+*/%&|^<>]*=|\*\(u\d+\s*\*\)|if\s+[rw]\d+|goto\b|call\b|exit\b|mov(?:32)?\s+[rw]\d|ldx\w*|stx\w*|lock\b|;|#|\/\/|\w+:\s*$)/i;

/** A program in C: an include or a section at the start of a line. */
const C_OWN = /^\s*(?:#\s*include\b|SEC\s*\()/m;
const SECTION = /^\s*SEC\s*\(/m;
/** Register states, the verifier's closing count, libbpf's frame around a log, a path taken up, what it says of a register. */
const LOG = [
  /\bprocessed \d+ insns \(limit \d+\)/,
  /-- BEGIN PROG LOAD LOG --/,
  /^libbpf: \S/m,
  /^.{0,80}?\b\d+: (?:\([0-9a-f]{2}\) .*; )?(?:frame\d+: ?)?R\d+(?:_[a-z]+)?=\S/m,
  /^.{0,80}?\bfrom \d+ to \d+(?: \(speculative execution\))?: (?:frame\d+: ?)?R\d/m,
  /\bR\d+ (?:!read_ok|invalid mem access|unbounded memory access|type=\w+ expected=|(?:min|max) value is|pointer arithmetic|offset is outside)/,
  /\binvalid access to (?:packet|map value|memory|context)\b|\bback-edge from insn \d+ to \d+|\bunreachable insn \d+/,
];
/** What loaders print where a program was refused: with instructions beside it this is a log. */
const LOADER =
  /\b(?:load program|(?:Failed|failed) to load (?:BPF )?program|load bpf program failed|BPF program load failed|BPF_PROG_LOAD|Error loading (?:BPF )?program)\b|^Verifier analysis:|\bProg section '[^'\n]{1,100}' rejected|\b[Vv]erifier (?:output|log|error):/m;
/** An error of ebpf-go, which has the message in its one line; a map or relocation that a loader put a call for. */
const LOADER_ALONE = /\bload program: [a-zA-Z][\w ()'-]{2,60}: \S|\((?:truncated, )?\d+ line\(s\) omitted\)|\binvalid func unknown#\d/m;
const VISITED = /^.{0,120}?\b\d+: \([0-9a-f]{2}\) \S/m;
/** Words, as a kernel says them: no line of the source, no heading of a function, no bytes of an instruction. */
const SENTENCE = /^[\s>`|*]*(?:R\d{1,2} |[A-Za-z][\w-]*,? )(?=.*[g-z])[^{}]*[^;{}:\s]\s*$/;
const LISTING_HEAD = /^Disassembly of section |\bfile format elf64-bpf\b/m;
/** One instruction of llvm-objdump, of bpftool's xlated dump. */
const LISTED = /^\s*(?:[0-9a-f]+:\s+(?:[0-9a-f]{2}\s+){8}\S|\d+: \([0-9a-f]{2}\) \S)/;
/** What bpftool prints beside instructions: a line of the source, the bytes of one (opcodes). */
const BESIDE = /^\s*(?:;|(?:[0-9a-f]{2} ){7}[0-9a-f]{2}(?: (?:[0-9a-f]{2} ){7}[0-9a-f]{2})?\s*$)/;
/** One instruction of bpftool's jited dump. */
const MACHINE = /^\s*[0-9a-f]+:\s+[a-z]\w*\s.*%[er][a-z0-9]{1,3}\b/;
const BPFTRACE = [
  /^#!.*\bbpftrace\b/,
  /^\s*(?:[$#]\s*)?(?:sudo\s+)?bpftrace\s+-/m,
  /^\s*(?:BEGIN|END)\s*\{/m,
  /^\s*(?:kprobe|kretprobe|uprobe|uretprobe|tracepoint|rawtracepoint|usdt|profile|interval|software|hardware|watchpoint|fentry|fexit|kfunc|kretfunc|iter):[^\s{;]+[^;{]*\{/m,
];
const BCC_PYTHON = /^\s*from\s+bcc\s+import\b|^\s*import\s+bcc\b|\bBPF\s*\(\s*(?:text|src_file)\s*=/m;
const BCC_C =
  /^\s*(?:BPF_(?:HASH|ARRAY|TABLE|HISTOGRAM|PERF_OUTPUT|PERF_ARRAY|PERCPU_ARRAY|PERCPU_HASH|LRU_HASH|LRU_PERCPU_HASH|STACK_TRACE|RINGBUF_OUTPUT|PROG_ARRAY|LPM_TRIE|HASH_OF_MAPS|QUEUE|STACK|CGROUP_ARRAY|DEVMAP|CPUMAP|XSKMAP)\w*\s*\(|(?:RAW_)?TRACEPOINT_PROBE\s*\(|K(?:RET)?FUNC_PROBE\s*\()|\.perf_submit\s*\(|\bk(?:ret)?probe__\w+\s*\(/m;

/** Kind of a text that is no program this page can take -> what it is taken for, why it is not compiled, what to do. */
const FOREIGN = {
  machine:
    "This looks like a listing of machine code (bpftool prog dump jited), from which the program cannot be rebuilt. Paste what bpftool prog dump xlated prints, or the source.",
  bpftrace:
    "This looks like a bpftrace script, which only bpftrace compiles. This page accepts C for libbpf, BPF assembly, raw instructions in hex, or an object file.",
  bcc: "This looks like a BCC program. BCC rewrites its C before compiling it, so clang alone cannot compile it. This page accepts C for libbpf: SEC(\"…\") before each program, maps in SEC(\".maps\").",
};

/** @typedef {"log" | "listing" | ForeignKind} OtherKind */

/** A text with its escaped line ends as such: logs are pasted out of JSON. @param {string} text */
const unescaped = (text) => (text.includes("\\n") ? text.replaceAll(/\\[nt]/g, (found) => (found === "\\n" ? "\n" : "\t")) : text);

/** What a text is that is no source; "" for everything else. @param {string} text @returns {OtherKind | ""} */
function otherKind(text) {
  const lines = text.split("\n").filter((line) => line.trim());
  if (!SECTION.test(text) && (BCC_PYTHON.test(text) || BCC_C.test(text))) return "bcc";
  // A log and a listing quote the source in lines that start with a semicolon.
  const own = lines.filter((line) => !/^\s*;/.test(line)).join("\n");
  if (C_OWN.test(own)) return "";
  const flat = unescaped(text);
  if (LOG.some((mark) => mark.test(flat)) || LOADER_ALONE.test(flat) || (LOADER.test(flat) && VISITED.test(flat))) return "log";
  /** @param {RegExp} mark whether at least half of several lines have it */
  const most = (mark) => {
    const found = lines.filter((line) => mark.test(line)).length;
    return found > 1 && 2 * found >= lines.filter((line) => !BESIDE.test(line)).length;
  };
  if (LISTING_HEAD.test(text) && lines.some((line) => LISTED.test(line))) return "listing";
  if (refused(flat)) return "log";
  if (most(LISTED)) return "listing";
  if (most(MACHINE)) return "machine";
  return BPFTRACE.some((mark) => mark.test(text)) ? "bpftrace" : "";
}

/**
 * Whether a sentence stands behind the last of a text's instructions: a listing ends with an instruction, a log with what the kernel said of it.
 * @param {string} text
 */
function refused(text) {
  const lines = text.split("\n").filter((line) => /\w/.test(line));
  const last = lines.findLastIndex((line) => VISITED.test(line));
  return last >= 0 && lines.slice(last + 1, last + 4).some((line) => SENTENCE.test(line) && !LISTED.test(line));
}

/** Texts that are read, but not compiled -> what a paste is said to be, what is said where it stands as C. */
const READ = {
  log: ["Recognized as a verifier log.", "This looks like a verifier log, which cannot be compiled. Choose “Verifier log” above it to read it."],
  listing: ["Recognized as a listing of instructions.", "This looks like a listing of instructions, which cannot be compiled. Choose “Listing” above it to rebuild the program."],
};

/** {kind, said} of a text that is recognized but cannot be compiled, else null. @param {string} text */
export function foreign(text) {
  const kind = otherKind(text);
  if (!kind) return null;
  return { kind, said: kind === "log" || kind === "listing" ? READ[kind][1] : FOREIGN[kind] };
}

/**
 * The kind of a pasted text, or null when it is a fragment.
 * @param {string} text
 * @returns {FoundSource | null}
 */
export function detect(text) {
  const trimmed = text.trim();
  if (!trimmed) return null;
  const tight = trimmed.replace(/0x|\\x|[\s,]/gi, "");
  if (/^[0-9a-f]+$/i.test(tight) && tight.length >= 16 && /\d/.test(tight))
    return { kind: "hex", source: text, said: "Recognized as raw instructions in hex.", whole: tight.length % 16 === 0 };
  const lines = trimmed.split("\n").filter((line) => line.trim());
  const other = otherKind(trimmed);
  if (other === "log" || other === "listing") return { kind: other, source: text, said: READ[other][0], whole: unescaped(trimmed).includes("\n") || LOADER_ALONE.test(trimmed) };
  // Shown as text: the kind "c" is what such a text is kept under.
  if (other) return { kind: "c", source: text, said: FOREIGN[other], whole: lines.length > 3, foreign: other };
  const asm = lines.filter((line) => ASM.test(line)).length;
  if (asm === lines.length && !/[{}]/.test(trimmed))
    return { kind: "asm", source: text, said: "Recognized as BPF assembly.", whole: /\bexit\b/.test(trimmed) };
  if (C_WHOLE.test(trimmed) && C_LIKE.test(trimmed))
    return { kind: "c", source: text, said: "Recognized as C.", whole: /SEC\s*\(/.test(trimmed) && lines.length > 3 };
  return C_LIKE.test(trimmed) ? { kind: "c", source: text, said: "Recognized as C.", whole: false } : null;
}
/** Base64 of bytes. @param {Uint8Array} data */
export function base64(data) {
  let text = "";
  for (let i = 0; i < data.length; i += 0x8000) text += String.fromCharCode(...data.subarray(i, i + 0x8000));
  return btoa(text);
}

const PCAP = new Set(["d4c3b2a1", "a1b2c3d4", "4d3cb2a1", "a1b23c4d", "0a0d0d0a"]);

/**
 * Read a file: an ELF object, a capture, or text.
 * @param {File} file
 * @param {Partial<Limits>} limits
 * @returns {Promise<Found | NotFound>}
 */
export async function fromFile(file, limits) {
  const most = Math.max(limits.elf_bytes ?? 1 << 20, limits.pcap_bytes ?? 0, limits.source_bytes ?? 0, limits.log_bytes ?? 0);
  if (file.size > most) {
    const long = await longFile(file, limits, most);
    if (long) return long;
  }
  const data = new Uint8Array(await file.arrayBuffer());
  const magic = magicOf(data);
  if (magic === ELF)
    return { kind: "elf", source: base64(data), said: `Recognized as an ELF object: ${file.name}.`, name: file.name };
  if (PCAP.has(magic)) return { input: { kind: "pcap", base64: base64(data) }, said: `Recognized as captured packets: ${file.name}.` };
  if (magic === RECORDING) {
    const recording = await openRecording(data, base64);
    if ("error" in recording) return { error: `${file.name}: ${recording.error}` };
    const { kind, source, release, events } = recording;
    return { kind, source, name: recording.name, recording, said: `Recognized as a recording of ${events === 1 ? "one event" : `${events} events`} on Linux ${release}. Run steps them.` };
  }
  if (/\.rec$/i.test(file.name)) return { error: `${file.name} is no recording: a recording begins with the letters BPFR.` };
  const text = new TextDecoder("utf-8", { fatal: false }).decode(data);
  if (/\.(c|h)$/i.test(file.name)) return { kind: "c", source: text, said: `Opened ${file.name} as C.`, name: file.name };
  if (/\.(s|asm)$/i.test(file.name)) return { kind: "asm", source: text, said: `Opened ${file.name} as assembly.`, name: file.name };
  if (text.includes("\u0000")) return { error: `${file.name} is not a text, an ELF object, a packet capture (pcap, pcapng) or a recording. Open one of those.` };
  const found = detect(text);
  if (found) return { ...found, name: file.name };
  if (/\.(log|txt)$/i.test(file.name)) return { kind: "log", source: text, said: `Opened ${file.name} as a verifier log.`, name: file.name };
  return { kind: "c", source: text, said: `Opened ${file.name} as C.`, name: file.name };
}

const ELF = "7f454c46";
/** Bytes at a file's start by which a long one is told. */
const HEAD = 1 << 16;

/** @param {Uint8Array} data */
const magicOf = (data) => [...data.subarray(0, 4)].map((b) => b.toString(16).padStart(2, "0")).join("");

/**
 * A file that is longer than most are: a log, or what says that it is too long; null for an object file and a capture that are not.
 * @param {File} file
 * @param {Partial<Limits>} limits
 * @param {number} most bytes of every other file
 * @returns {Promise<Found | NotFound | null>}
 */
async function longFile(file, limits, most) {
  /** @param {number} taken */
  const tooLong = (taken) => ({ error: `${file.name} has ${file.size} bytes, and at most ${taken} are accepted. Open a smaller file.` });
  const error = tooLong(most).error;
  const head = new Uint8Array(await file.slice(0, HEAD).arrayBuffer());
  const magic = magicOf(head);
  const text = new TextDecoder("utf-8", { fatal: false }).decode(head);
  const taken = magic === ELF ? (limits.object_bytes ?? most) : PCAP.has(magic) ? (limits.capture_bytes ?? most) : 0;
  if (taken) return file.size > taken ? tooLong(taken) : null;
  if (text.includes("\u0000")) return { error };
  if (otherKind(text) !== "log" && !/\.(log|txt)$/i.test(file.name)) return { error };
  const uploaded = limits.upload_bytes ?? 0;
  if (file.size > uploaded) return { error: `${file.name} has ${file.size} bytes, and a log of at most ${uploaded} is taken. Cut it: keep its end.` };
  return { kind: "log", source: "", file, said: `Opened ${file.name} as a verifier log.`, name: file.name };
}
