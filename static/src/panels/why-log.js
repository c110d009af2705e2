/** A log that was read: who printed it, what it lacks, its programs, and where it and the source beside it part. */
import { h } from "../ui/dom.js";
import { count } from "../ui/format.js";
import { ending } from "../ui/words.js";

/** @import { State } from "../core/store.js" */
/** @import { Child } from "../types/page.js" */
/** @import { LogProgram, Parting, ReadFrom } from "../types/messages.js" */
/** @import { Links } from "./why.js" */

/** Programs of a log that are listed. */
const PROGRAMS = 50;

/** @type {Record<string, string>} */
const CARRIERS = { journald: "a system journal", logfmt: "structured log lines", "json-escaped": "JSON", other: "an unknown program", none: "" };
/** @type {Record<string, string>} */
const CUT = { start: "its beginning", middle: "lines in the middle", end: "its end", omitted: "lines that were left out on purpose" };
const VERDICTS = { accept: "accepted", reject: "rejected", unknown: "not in the text" };

/** "Linux 5.15 (libbpf)": whose log it is, "" where the text does not tell. @param {State["stages"]["verify"]} verify */
export function origin(verify) {
  const wrapper = verify?.read_from?.wrapper ?? "";
  const by = Object.hasOwn(CARRIERS, wrapper) ? CARRIERS[wrapper] : wrapper;
  return [verify?.kernel, by ? (verify?.kernel ? `(${by})` : by) : ""].filter(Boolean).join(" ");
}

/** @param {string} term @param {Child} words */
const pair = (term, words) => (words ? h("div", null, h("dt", null, term), h("dd", null, words)) : null);

/** @param {ReadFrom} from @param {State} state @param {Links & {choose: (program: string) => void}} links */
export function readFromLog(from, state, links) {
  const { verify } = state.stages;
  const by = Object.hasOwn(CARRIERS, from.wrapper) ? CARRIERS[from.wrapper] : from.wrapper;
  return [
    from.parting ? parted(from.parting, links) : null,
    h(
      "article",
      { class: "log-card", "aria-labelledby": "read-from-label" },
      h("h3", { id: "read-from-label" }, "Read from a log"),
      h(
        "dl",
        { class: "given" },
        pair("Kernel", verify?.kernel || "not named"),
        pair("Printed by", by),
        pair("Program", from.program),
        pair("Verdict", VERDICTS[from.verdict]),
        pair("C line", from.source && h("code", null, from.source)),
        pair("Processed", from.insns_processed === null ? "" : count(from.insns_processed, "instruction")),
        pair("Missing", from.cut.map((each) => (Object.hasOwn(CUT, each) ? CUT[each] : each)).join(", ")),
      ),
      from.newest_first ? h("p", { class: "hint" }, "The lines of this text run from the newest to the oldest. It was read from the end; the panel Log shows it in the order in which it was printed.") : null,
      from.verdict === "unknown" && !verify?.message && !from.states && from.insns_processed === null
        ? h("p", null, "Nothing that the verifier says is in this text: its log stands between the loader's BEGIN and END, or is printed with more verbosity.")
        : null,
      h("p", { class: "hint" }, from.states ? "States are shown as far as the text prints them. What it does not print is left empty." : "The text prints no register states, so there are none to show."),
      from.diagnosis.length ? [h("h4", null, "The kernel's own diagnosis"), h("pre", { class: "diagnosis", tabindex: "0", role: "region", "aria-label": "The kernel's own diagnosis" }, from.diagnosis.join("\n"))] : null,
      from.programs.length > 1 ? programs(from, links) : null,
    ),
  ];
}

/** @param {ReadFrom} from @param {{choose: (program: string) => void}} links */
function programs(from, links) {
  return [
    h("h4", null, `${count(from.programs.length, "program")} in this text`),
    h("ul", { class: "log-programs" }, from.programs.slice(0, PROGRAMS).map((each) => h("li", null, h("button", { type: "button", class: "line-link", on: { click: () => links.choose(`#${each.number}`) } }, programName(each)), ` ${VERDICTS[each.verdict] ?? ""}${each.message ? `: ${each.message}` : ""}`))),
    from.programs.length > PROGRAMS ? h("p", { class: "hint" }, `and ${from.programs.length - PROGRAMS} more`) : null,
  ];
}

/** @param {LogProgram} program */
export const programName = (program) => program.name || `program ${program.number + 1}`;

/** @type {Record<Parting["kind"], string>} */
const PARTED = {
  none: "The log and the walk here agree",
  insn: "The log is of another build",
  path: "The walk here goes another way",
  value: "The log and the walk here differ in a value",
  verdict: "The log and the walk here end differently",
  error: "The source could not be compared",
};

/** @param {Parting} parting @param {Links} links */
function parted(parting, links) {
  const { kind, step, name, log, ours } = parting;
  return h(
    "article",
    { class: "log-card parting", "aria-labelledby": "parting-label" },
    h("h3", { id: "parting-label" }, PARTED[kind] ?? "Beside the source"),
    h("p", null, ending(parting.why)),
    step !== null && kind !== "none" ? h("p", null, "They part at ", links.to(step), parting.insn !== null ? `, instruction ${parting.insn}` : "", name ? [", ", h("b", { class: "reg-word" }, name)] : "", ".") : null,
    log || ours ? h("div", { class: "sides" }, side("The log", log), side("Here", ours)) : null,
    kind === "error"
      ? null
      : h("p", { class: "hint" }, `${count(parting.agreed, "step")} of the log ${parting.agreed === 1 ? "agrees" : "agree"}. Here ${parting.program || "the program"} is ${parting.verdict === "none" ? "not verified" : VERDICTS[parting.verdict]}${parting.message ? `: ${parting.message}` : "."}`),
  );
}

/** @param {string} title @param {string} text */
const side = (title, text) => h("section", { class: "side" }, h("h4", null, title), h("code", null, text || "nothing"));
