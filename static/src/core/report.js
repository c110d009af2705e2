/** A program and what became of it, as text for an issue, a mailing list, or as a file that shows it again. */

import { grouped } from "../ui/format.js";
import { inlined, lineName } from "./files.js";

/** @import { ReducedSource, SmallerSource } from "../types/messages.js" */
/** @import { State } from "./store.js" */

/** Lines of the log that a text repeats: its end, with the reason. */
const LOG_LINES = 120;
/** Columns of plain text, as mailing lists want it. */
const COLUMNS = 72;

/** Names of files by kind; the command line knows them by these. */
const SUFFIXES = { c: ".c", asm: ".s", hex: ".hex", elf: ".o", listing: ".txt", log: ".log" };

/** @param {string} text */
const oneLine = (text) => text.replace(/\s+/g, " ").trim();

/** A name for files: letters of the program's name. @param {State} state */
export function fileStem({ stages, options, program }) {
  const name = stages.load?.program || options.program || program.title || "program";
  return name.replace(/[^\w-]+/g, "_").slice(0, 60) || "program";
}

/** @param {State} state */
export const sourceName = (state) => fileStem(state) + SUFFIXES[state.kind];

/** What the verifier, or the stage that failed, said: a sentence. @param {State} state */
export function verdict({ stages, kernel }) {
  const { compile, load, verify, run } = stages;
  const linux = verify?.read_from ? "" : ` by the verifier of Linux ${verify?.kernel || kernel} (emulated)`;
  if (compile?.status === "failed") return `clang does not accept the source: ${oneLine(compile.message ?? "")}`;
  if (load?.status === "failed") return `The object cannot be loaded: ${oneLine(load.message ?? "")}`;
  if (verify?.verdict === "reject") return `Rejected${linux}: ${oneLine(verify.fail?.message ?? "")}`;
  if (verify?.verdict === "accept") return `Accepted${linux}${run?.summary ? `; the run gives ${oneLine(run.summary)}` : ""}`;
  return "Not verified.";
}

/** The steps to compile and load it elsewhere. @param {State} state @param {boolean} [headers] whether they are files beside the source @returns {string[]} */
function commands(state, headers = true) {
  const { kind, options } = state;
  const file = sourceName(state);
  const own = Object.keys(state.files).map((name) => `--file ${name}=${name}`);
  const object = `${fileStem(state)}.o`;
  const verify = ["bpfscope verify", ...(options.program ? ["--program", options.program] : []), ...(options.unprivileged ? ["--unprivileged"] : [])];
  if (kind === "c") {
    const clang = `clang -target bpf -D__TARGET_ARCH_x86 -g -${options.opt ?? "O2"} -mcpu=${options.mcpu ?? "v3"} -c ${file} -o ${object}`;
    return [clang, `bpftool -d prog load ${object} /sys/fs/bpf/${fileStem(state)}`, [...verify, `--opt ${options.opt ?? "O2"} --mcpu ${options.mcpu ?? "v3"}`, ...(headers ? own : []), ...(options.fix_includes ? ["--fix-includes"] : []), file].join(" ")];
  }
  if (kind === "elf") return [`bpftool -d prog load ${object} /sys/fs/bpf/${fileStem(state)}`, [...verify, object].join(" ")];
  if (kind === "log") return [`bpfscope log ${file}`];
  return [[...verify, ...(kind === "asm" || kind === "hex" ? ["--prog-type", options.prog_type ?? "xdp"] : []), file].join(" ")];
}

/** What compiled and checked it. @param {State} state */
function tools({ stages, kernel }) {
  return [stages.compile?.compiler, `Linux ${stages.verify?.kernel || kernel}`].filter(Boolean).join(", ");
}

/**
 * Where the rejection is: a line of the source and an instruction, and why.
 * @param {State} state
 * @param {number | null} [before] lines that stand before the source; null: its lines are others
 * @returns {{at: string, code: string}[]} `at`: a sentence, where there is no code
 */
function place({ stages, source, files, kind, code }, before = 0) {
  const { fail } = stages.verify ?? {};
  if (!fail) return [];
  const own = kind === "c" ? (fail.file ? files[fail.file] : source)?.split("\n") : undefined;
  const line = fail.line ? (own?.[fail.line - 1] ?? (fail.file ? code.files[fail.file] : code.lines)?.[fail.line]) : undefined;
  const insn = code.insns[code.row.get(fail.insn) ?? -1]?.text;
  return [
    ...(fail.line ? [{ at: before === null ? "refused at" : lineName(fail.line + before, fail.file), code: oneLine(line ?? "") }] : []),
    ...(insn ? [{ at: `insn ${fail.insn}`, code: insn }] : []),
    ...(fail.explanation ? [{ at: oneLine(fail.explanation), code: "" }] : []),
  ];
}

/** The same as lines of text. @param {State} state @param {number | null} [before] */
const placed = (state, before = 0) => place(state, before).map(({ at, code }) => (code ? `${at}: ${code}` : at));

/** The end of the log, as far as it is here; what is left out is counted. @param {State} state */
function logEnd({ log }) {
  const known = log.lines.slice(-LOG_LINES);
  const lines = known.slice(known.findLastIndex((line) => typeof line !== "string") + 1);
  const left = log.lines.length - lines.length;
  return (left ? [`(${grouped(left)} earlier line${left > 1 ? "s" : ""} left out)`] : []).concat(/** @type {string[]} */ (lines)).join("\n");
}

/** A sentence in lines of at most COLUMNS columns. @param {string} text @param {string} [indent] */
function wrapped(text, indent = "") {
  const lines = [""];
  for (const word of text.split(" ")) {
    const last = lines[lines.length - 1];
    if (!last) lines[lines.length - 1] = word;
    else if (indent.length + last.length + 1 + word.length <= COLUMNS) lines[lines.length - 1] += ` ${word}`;
    else lines.push(word);
  }
  return lines.map((line) => indent + line).join("\n");
}

/** A Markdown block that no text inside can end. @param {string} text @param {string} language */
function fenced(text, language) {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([ticks]) => ticks.length));
  const fence = "`".repeat(longest + 1);
  return `${fence}${language}\n${text.replace(/\n$/, "")}\n${fence}`;
}

/** Text that Markdown shows as it is, where it is not the beginning of a line. @param {string} text */
const plain = (text) => text.replace(/[\\`*_[\]<>#|~&@]/g, "\\$&");

/** A line of code that Markdown shows as it is. @param {string} text */
function inline(text) {
  const longest = Math.max(0, ...[...text.matchAll(/`+/g)].map(([ticks]) => ticks.length));
  const ticks = "`".repeat(longest + 1);
  return longest ? `${ticks} ${text} ${ticks}` : `${ticks}${text}${ticks}`;
}

/** For an issue. @param {State} state @param {string} url of a link to it, "" if there is none */
export function markdown(state, url) {
  const { kind, source } = state;
  return [
    `**${plain(verdict(state))}**`,
    ...(place(state).length ? [place(state).map(({ at, code }) => `- ${plain(at)}${code ? `: ${inline(code)}` : ""}`).join("\n")] : []),
    ...(kind === "elf" ? [] : [fenced(source, kind === "c" ? "c" : "")]),
    ...Object.entries(state.files).map(([name, text]) => `${plain(name)}:\n\n${fenced(text, "c")}`),
    ...(kind !== "log" && state.log.lines.length ? [`The verifier's log:\n\n${fenced(logEnd(state), "")}`] : []),
    `With ${plain(tools(state))}:\n\n${fenced(commands(state).join("\n"), "sh")}`,
    ...(url ? [`[Step through it](${url})`] : []),
  ].join("\n\n").concat("\n");
}

/** For a mailing list: text without markup. @param {State} state @param {string} url of a link to it, "" if there is none */
export function mail(state, url) {
  const { kind, source } = state;
  /** @param {string} text */
  const indented = (text) => text.replace(/\n$/, "").split("\n").map((line) => (line ? `  ${line}` : "")).join("\n");
  return [
    wrapped(verdict(state)),
    ...(place(state).length ? [place(state).map(({ at, code }) => (code ? indented(`${at}: ${code}`) : wrapped(at, "  "))).join("\n")] : []),
    ...(kind === "elf" ? [] : [`The program:\n\n${indented(source)}`]),
    ...Object.entries(state.files).map(([name, text]) => `${name}:\n\n${indented(text)}`),
    ...(kind !== "log" && state.log.lines.length ? [`The verifier's log:\n\n${indented(logEnd(state))}`] : []),
    `With ${tools(state)}:\n\n${indented(commands(state).map((line) => `$ ${line}`).join("\n"))}`,
    ...(url ? [`Step through it: ${url}`] : []),
  ].join("\n\n").concat("\n");
}

/**
 * The source with how to compile it and what it shows, as its first lines; the user's own headers are written in the
 * places where they are included, so that it is one file.
 * @param {State} state @param {string} url @param {string} [first] what is said before
 */
export function reproduction(state, url, first = "") {
  const comment = { c: "//", asm: "//", hex: "//", elf: "", listing: "", log: "" }[state.kind];
  if (!comment) return [verdict(state), tools(state), ...commands(state), ...(url ? [url] : []), "", state.kind === "elf" ? "" : state.source].join("\n");
  /** @param {number | null} before */
  const said = (before) => [...(first ? [first] : []), verdict(state), ...placed(state, before), `With ${tools(state)}:`, ...commands(state, false).map((line) => `  ${line}`), ...(url ? [oneLine(url)] : [])];
  // Headers that are written into it move its lines.
  const head = said(Object.keys(state.files).length ? null : said(0).length);
  return `${head.map((line) => `${comment} ${line}`).join("\n")}\n${inlined(state.source, state.files).replace(/\n?$/, "\n")}`;
}

/** What became of a source that was reduced. @param {SmallerSource | ReducedSource} found */
export function shrunk({ whole, lines, tried }) {
  return `Reduced from ${grouped(whole)} to ${grouped(lines)} line${lines === 1 ? "" : "s"}; ${grouped(tried)} smaller source${tried === 1 ? "" : "s"} tried.`;
}

/**
 * The reproduction of a smaller source: what is said about it is of that source.
 * @param {State} state
 * @param {SmallerSource | ReducedSource} found
 * @param {string} url
 */
export function minimal(state, found, url) {
  const { verify } = state.stages;
  const fail = verify?.fail ? { ...verify.fail, message: found.message, line: found.line, file: undefined, insn: -1, explanation: "" } : undefined;
  const files = Object.fromEntries(Object.entries(state.files).filter(([name]) => found.files.includes(name)));
  const options = { ...state.options, fix_includes: false };
  const of = { ...state, source: found.source, files, options, stages: { ...state.stages, verify: { ...verify, fail } } };
  return reproduction(/** @type {State} */ (/** @type {unknown} */ (of)), url, shrunk(found));
}
