/** What stages said, indexed for the panels. Made once a stage arrives, never per step. */

/** @import { Entered, Insn, Loaded, Log as WholeLog, MachineInsn, Translated, Verified } from "../types/messages.js" */

/** Lines of an object's source that are shown, at most. */
const MOST_LINES = 20000;

/** Rows around one that is missing, asked for with it. */
const AROUND = 64;

/** What the slots of a program that a tail call enters are counted from, times its number. */
const PROGRAM = 1 << 24;

/** The slot of an instruction in its own program. @param {number} idx */
export const slotOf = (idx) => idx % PROGRAM;

/** Number of the program that a slot is of: 0, or that of one which a tail call entered. @param {number} idx */
export const programOf = (idx) => Math.floor(idx / PROGRAM);

/** @typedef {(from: number, to: number) => void} Want asks for items of a list */
/** @typedef {Pick<Loaded, "insns"> & Partial<Pick<Loaded, "lines" | "files" | "source_file" | "more" | "wide" | "line_info" | "file_info" | "func_info" | "call_info">>} Load the `load` stage message */
/** @typedef {Partial<Pick<Verified, "log" | "log_steps" | "log_cut" | "log_more" | "log_head" | "log_index" | "more">>} Said the `verify` stage message */

/**
 * The rows of a program of which only the first instructions are here: one on the server has no text yet.
 * @param {Load} load
 * @param {number} total
 */
function rows(load, total) {
  const wide = new Set(load.wide ?? []);
  const lines = load.line_info ?? [];
  const files = load.file_info ?? [];
  const funcs = new Map(load.func_info ?? []);
  const calls = new Map(load.call_info ?? []);
  const out = [...load.insns];
  const before = out.at(-1);
  let idx = before ? before.idx + (wide.has(before.idx) ? 2 : 1) : 0;
  let at = 0;
  let line = null;
  let of = 0;
  let file = "";
  while (out.length < total) {
    while (of < files.length && files[of][0] <= idx) file = files[of++][1];
    while (at < lines.length && lines[at][0] <= idx) line = lines[at++][1];
    const func = funcs.get(idx);
    const call = calls.get(idx);
    out.push({ idx, hex: "", text: "", line, ...(file ? { file } : {}), target: null, ...(func ? { func } : {}), ...(call ? { call } : {}) });
    idx += wide.has(idx) ? 2 : 1;
  }
  return out;
}

/** The list of a key, made where there is none. @template K @param {Map<K, number[]>} lists @param {K} key */
function listed(lists, key) {
  const found = lists.get(key) ?? [];
  lists.set(key, found);
  return found;
}

export class Code {
  /**
   * @param {Load | null} load
   * @param {Want} want asks for instructions, by row
   */
  constructor(load, want = () => undefined) {
    this.want = want;
    /** How many parts came. */
    this.filled = 0;
    /** @type {Map<number, {name: string, first: number}>} programs that tail calls enter, by number, with their first slot */
    this.entered = new Map();
    /** @type {Insn[]} */
    this.insns = load?.more?.insns ? rows(load, load.more.insns) : (load?.insns ?? []);
    /** @type {Map<number, number>} slot -> row in the list */
    this.row = new Map(this.insns.map((insn, row) => [insn.idx, row]));
    /** @type {Map<number, number[]>} C line of the source itself -> slots */
    this.byLine = new Map();
    /** @type {Map<string, Map<number, number[]>>} other file -> line -> slots */
    this.byFile = new Map();
    /** @type {Map<string, number[]>} what is called -> slots of the calls */
    this.calls = new Map();
    for (const insn of this.insns) {
      if (insn.line) listed(this.linesOf(insn.file ?? ""), insn.line).push(insn.idx);
      if (insn.call) listed(this.calls, insn.call).push(insn.idx);
    }
    /** @type {Record<string, string>} */
    this.lines = load?.lines ?? {};
    /** @type {Record<string, Record<string, string>>} the same of an object's other files */
    this.files = load?.files ?? {};
    /** Name of the source of which an object holds no text. */
    this.sourceFile = load?.source_file ?? "";
    /** How many functions there are. */
    this.funcs = this.insns.filter((insn) => insn.func).length;
  }

  /** The code with that of programs that tail calls enter behind it. @param {Entered[]} programs */
  with(programs) {
    if (!programs.length) return this;
    const all = new Code({ insns: [...this.insns, ...programs.flatMap(({ name, insns }) => insns.map((insn, i) => (i ? insn : { ...insn, func: name })))], lines: this.lines, files: this.files, source_file: this.sourceFile }, this.want);
    for (const { name, insns } of programs) if (insns.length) all.entered.set(programOf(insns[0].idx), { name, first: insns[0].idx });
    return all;
  }

  /** The program entered by a tail call that an instruction is of; null for the program itself. @param {number} idx */
  enteredAt(idx) {
    return this.entered.get(programOf(idx)) ?? null;
  }

  /** Lines of a file with instructions; "" is the source itself. @param {string} file @returns {Map<number, number[]>} */
  linesOf(file) {
    if (!file) return this.byLine;
    const found = this.byFile.get(file) ?? new Map();
    this.byFile.set(file, found);
    return found;
  }

  /** Slots of a line. @param {number} line @param {string} [file] */
  slots(line, file = "") {
    return (file ? this.byFile.get(file) : this.byLine)?.get(line) ?? [];
  }

  /** The first line from one on that has instructions; null for none. @param {number} line @param {string} [file] */
  lineFrom(line, file = "") {
    const lines = [...((file ? this.byFile.get(file) : this.byLine)?.keys() ?? [])].filter((each) => each >= line);
    return lines.length ? Math.min(...lines) : null;
  }

  /** Take instructions that were asked for. @param {number} from @param {Insn[]} items */
  fill(from, items) {
    for (const [i, insn] of items.entries()) if (from + i < this.insns.length) this.insns[from + i] = insn;
    this.filled++;
  }

  /** The instruction of a row; one that is not here has no text yet, and is asked for. @param {number} row */
  listed(row) {
    const insn = this.insns[row];
    if (insn && !insn.text) this.want(row - (row % AROUND), row - (row % AROUND) + AROUND);
    return insn;
  }

  /** The instruction at a slot, or null. @param {number} idx */
  at(idx) {
    const row = this.row.get(idx);
    return row === undefined ? null : this.listed(row);
  }

  /** The C line of a slot, or null. @param {number} idx */
  line(idx) {
    const row = this.row.get(idx);
    return row === undefined ? null : (this.insns[row].line ?? null);
  }

  /** The file of a slot's line, "" for the source itself. @param {number} idx */
  file(idx) {
    const row = this.row.get(idx);
    return row === undefined ? "" : (this.insns[row].file ?? "");
  }

  /** Name of the function a slot is in. @param {number} idx */
  func(idx) {
    for (let row = this.row.get(idx) ?? -1; row >= 0; row--) {
      const { func } = this.insns[row];
      if (func) return func;
    }
    return "";
  }

  /**
   * What an object's line information holds of a source, in its lines; "" for nothing. Without the lines' text, as DWARF
   * is, each line with instructions says which it is, so that a step still has a place.
   * @param {string} [file]
   */
  text(file = "") {
    const lines = (file ? this.files[file] : this.lines) ?? {};
    const numbers = Object.keys(lines).map(Number);
    if (!numbers.length) return "";
    const last = Math.min(Math.max(...numbers), MOST_LINES);
    const name = file || this.sourceFile;
    if (numbers.some((number) => lines[number])) return Array.from({ length: last }, (_, i) => lines[i + 1] ?? "").join("\n");
    const known = Array.from({ length: last }, (_, i) => (i + 1 in lines ? `line ${i + 1} of ${name}` : ""));
    const hints = [`The object holds the line numbers of ${name} and not its text.`, `Drop ${name} here, or open it, or a folder or .tar.gz that holds it, and its text stands here.`];
    const free = known.findIndex(Boolean);
    if (free > 1) known.splice(0, 2, ...hints);
    else if (free === 1) known[0] = hints.join(" ");
    return known.join("\n");
  }
}

/** The verifier's log, its lines tied to steps both ways. A line that is not here is undefined. */
export class Log {
  /**
   * @param {Said | WholeLog | null} whole the `verify` stage message, or the whole log
   * @param {Want} want asks for lines
   */
  constructor(whole, want = () => undefined) {
    this.want = want;
    /** @type {Said | null} */
    const verify = whole;
    const text = verify?.log ?? "";
    /** @type {(string | undefined)[]} */
    this.lines = text ? text.replace(/\n$/, "").split("\n") : [];
    this.pairs = verify?.log_steps ?? [];
    const total = verify?.more?.log ?? 0;
    /** [line, step] of some lines, where the others are asked for. */
    this.index = total ? (verify?.log_index ?? []) : [];
    if (total) this.spread(total, verify?.log_head ?? 0);
    this.cut = total ? 0 : (verify?.log_cut ?? 0);
    /** Whether there is more of it than can be asked for in parts: of a long walk it is made when somebody asks. */
    this.more = !total && Boolean(verify?.log_more);
    /** @type {Map<number, number>} */
    this.stepOf = new Map(this.pairs);
  }

  /**
   * Put the lines that came with the message where they stand: `head` at the beginning, the others at the end.
   * @param {number} total
   * @param {number} head
   */
  spread(total, head) {
    const lines = this.lines;
    const skipped = total - lines.length;
    const all = lines.slice(0, head);
    all.length = total;
    for (let i = head + 1; i < lines.length; i++) all[i + skipped] = lines[i];
    this.lines = all;
    this.pairs = this.pairs.map(([line, step]) => /** @type {[number, number]} */ ([line <= head ? line : line + skipped, step]));
  }

  /** Take lines that were asked for: [text, step]. @param {number} from @param {[string, number][]} items */
  fill(from, items) {
    for (const [i, [text, step]] of items.entries()) {
      this.lines[from + i] = text;
      if (step >= 0) this.stepOf.set(from + i, step);
    }
    this.pairs = [...this.stepOf].sort((a, b) => a[0] - b[0]);
  }

  /** A line's text, "" while it is on its way. @param {number} i */
  line(i) {
    const text = this.lines[i];
    if (text === undefined) this.want(i - (i % AROUND), i - (i % AROUND) + AROUND);
    return text ?? "";
  }

  /**
   * Last log line that speaks of a step at or before this one, or -1; the nearest that is known while it is fetched.
   * @param {number} step
   */
  lineOf(step) {
    const found = last(this.pairs, step);
    const line = found < 0 ? -1 : this.pairs[found][0];
    if (found >= 0 && this.pairs[found][1] === step) return line;
    const next = this.pairs[found + 1]?.[0] ?? this.lines.length;
    let hole = line + 1;
    while (hole < next && this.lines[hole] !== undefined) hole++;
    if (hole >= next) return line;
    const near = last(this.index, step);
    const known = this.index[near]?.[0] ?? 0;
    this.want(Math.max(hole, known), Math.min(next, this.index[near + 1]?.[0] ?? next));
    return Math.max(line, known);
  }

  /** What the kernel said after a step, up to its closing count: for a rejection, the reason in full. @param {number} step */
  after(step) {
    const line = this.lineOf(step);
    if (line < 0 || this.stepOf.get(line) !== step) return "";
    const rest = Array.from(this.lines.slice(line + 1, line + 40), (text) => text ?? "");
    const end = rest.findIndex((text) => text.startsWith("processed "));
    return rest.slice(0, end < 0 ? undefined : end).filter((text) => text.trim()).join("\n");
  }

  /** Step of a line: its own, or that of the nearest line above. @param {number} line */
  stepAt(line) {
    for (let i = line; i >= 0; i--) {
      const step = this.stepOf.get(i);
      if (step !== undefined) return step;
    }
    return -1;
  }
}

/** Place of the last pair [line, step] at or before a step, or -1. @param {[number, number][]} pairs @param {number} step */
function last(pairs, step) {
  let low = 0;
  let high = pairs.length - 1;
  let found = -1;
  while (low <= high) {
    const mid = (low + high) >> 1;
    if (pairs[mid][1] <= step) {
      found = mid;
      low = mid + 1;
    } else high = mid - 1;
  }
  return found;
}

/** Machine code by BPF instruction. */
export class Machine {
  /** @param {Pick<Translated, "listing"> | null} jit the `jit` stage message */
  constructor(jit) {
    /** @type {MachineInsn[]} */
    this.listing = jit?.listing ?? [];
    /** @type {Map<number, MachineInsn[]>} */
    this.byInsn = new Map();
    for (const item of this.listing) {
      const list = this.byInsn.get(item.insn);
      if (list) list.push(item);
      else this.byInsn.set(item.insn, [item]);
    }
  }
}
