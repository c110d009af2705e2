/** What a pasted text or a dropped file is. Kinds are told by structure: what every text of that kind has. */

/** @import { Limits, PcapInput } from "../types/messages.js" */
/** @import { SourceKind } from "./store.js" */

/** @typedef {"log" | "listing" | "bpftrace" | "bcc"} ForeignKind a kind of text that cannot be compiled */

/**
 * What a text or a file was taken for. `whole`: it can stand alone, and so replaces what is there; `foreign`: nothing can
 * be run from it.
 * @typedef {{kind: SourceKind, source: string, said: string, whole?: boolean, foreign?: ForeignKind, name?: string, input?: undefined, error?: undefined}} FoundSource
 */

/** @typedef {{input: PcapInput, said: string, kind?: undefined, foreign?: undefined, error?: undefined}} FoundCapture */
/** @typedef {FoundSource | FoundCapture} Found */
/** @typedef {{error: string, input?: undefined}} NotFound */

const C_WHOLE = /(^|\n)\s*(#\s*include|SEC\s*\(|char\s+\w*\s*_?license\b)/i;
const C_LIKE = /[{};]/;
const ASM = /^\s*(?:\d+:\s*)?(?:[rw]\d+\s*[-+*/%&|^<>]*=|\*\(u\d+\s*\*\)|if\s+[rw]\d+|goto\b|call\b|exit\b|mov(?:32)?\s+[rw]\d|ldx\w*|stx\w*|lock\b|;|#|\/\/|\w+:\s*$)/i;

/** A program in C: an include or a section at the start of a line. */
const C_OWN = /^\s*(?:#\s*include\b|SEC\s*\()/m;
const SECTION = /^\s*SEC\s*\(/m;
/** Register states, the verifier's closing count, libbpf's frame around a log, a path taken up. */
const LOG = [
  /\bprocessed \d+ insns \(limit \d+\)/,
  /-- BEGIN PROG LOAD LOG --/,
  /^.{0,80}?\b\d+: (?:\([0-9a-f]{2}\) .*; )?(?:frame\d+: ?)?R\d+(?:_[a-z]+)?=\S/m,
  /^.{0,80}?\bfrom \d+ to \d+(?: \(speculative execution\))?: (?:frame\d+: ?)?R\d/m,
];
const LISTING_HEAD = /^Disassembly of section |\bfile format elf64-bpf\b/m;
/** One instruction of llvm-objdump, of bpftool's xlated dump, of its jited dump. */
const LISTED = /^\s*(?:[0-9a-f]+:\s+(?:[0-9a-f]{2}\s+){8}\S|\d+: \([0-9a-f]{2}\) \S|[0-9a-f]+:\s+[a-z]\w*\s.*%[er][a-z0-9]{1,3}\b)/;
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
  log: "This looks like a verifier log, which cannot be compiled. Logs cannot be read here yet: paste the C source or drop the object file to which the log belongs.",
  listing:
    "This looks like a listing of instructions (bpftool prog dump or llvm-objdump), which cannot be compiled. Listings cannot be read here yet: paste the source or drop the object file. To assemble the listed BPF instructions, choose Assembly above.",
  bpftrace:
    "This looks like a bpftrace script, which only bpftrace compiles. This page accepts C for libbpf, BPF assembly, raw instructions in hex, or an object file.",
  bcc: "This looks like a BCC program. BCC rewrites its C before compiling it, so clang alone cannot compile it. This page accepts C for libbpf: SEC(\"…\") before each program, maps in SEC(\".maps\").",
};

/** What a text is that cannot be compiled; "" for everything else. @param {string} text @returns {ForeignKind | ""} */
function foreignKind(text) {
  const lines = text.split("\n").filter((line) => line.trim());
  if (!SECTION.test(text) && (BCC_PYTHON.test(text) || BCC_C.test(text))) return "bcc";
  // A log and a listing quote the source in lines that start with a semicolon.
  const own = lines.filter((line) => !/^\s*;/.test(line)).join("\n");
  if (C_OWN.test(own)) return "";
  if (LOG.some((mark) => mark.test(text))) return "log";
  const listed = lines.filter((line) => LISTED.test(line)).length;
  if ((LISTING_HEAD.test(text) && listed) || (listed > 1 && 2 * listed >= lines.length)) return "listing";
  return BPFTRACE.some((mark) => mark.test(text)) ? "bpftrace" : "";
}

/** {kind, said} of a text that is recognised but cannot be compiled, else null. @param {string} text */
export function foreign(text) {
  const kind = foreignKind(text);
  return kind ? { kind, said: FOREIGN[kind] } : null;
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
  const other = foreign(trimmed);
  // Shown as text: the kind "c" is what such a text is kept under.
  if (other) return { kind: "c", source: text, said: other.said, whole: lines.length > 3, foreign: other.kind };
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
  const most = Math.max(limits.elf_bytes ?? 1 << 20, limits.pcap_bytes ?? 0, limits.source_bytes ?? 0);
  if (file.size > most) return { error: `${file.name} has ${file.size} bytes, and at most ${most} are accepted. Open a smaller file.` };
  const data = new Uint8Array(await file.arrayBuffer());
  const magic = [...data.subarray(0, 4)].map((b) => b.toString(16).padStart(2, "0")).join("");
  if (magic === "7f454c46")
    return { kind: "elf", source: base64(data), said: `Recognized as an ELF object: ${file.name}.`, name: file.name };
  if (PCAP.has(magic)) return { input: { kind: "pcap", base64: base64(data) }, said: `Recognized as captured packets: ${file.name}.` };
  const text = new TextDecoder("utf-8", { fatal: false }).decode(data);
  if (/\.(c|h)$/i.test(file.name)) return { kind: "c", source: text, said: `Opened ${file.name} as C.`, name: file.name };
  if (/\.(s|asm)$/i.test(file.name)) return { kind: "asm", source: text, said: `Opened ${file.name} as assembly.`, name: file.name };
  if (text.includes("\u0000")) return { error: `${file.name} is not a text, an ELF object or a packet capture (pcap, pcapng). Open one of those.` };
  return detect(text) ?? { kind: "c", source: text, said: `Opened ${file.name} as C.`, name: file.name };
}
