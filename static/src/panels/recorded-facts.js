/** What a run told of its recording: the kernel, how steps were found, what was printed and what is left out. */
import { notReplayed } from "../core/replayed.js";
import { h } from "../ui/dom.js";
import { count } from "../ui/format.js";

/** @import { Stages } from "../core/store.js" */
/** @import { Recorded } from "../types/messages.js" */

const LINES = 50;

const MATCHED = {
  instruction: "The kernel's machine code is the one that is made here: each BPF instruction is a step.",
  line: "The kernel's machine code differs from the one that is made here. Steps are found by the kernel's line information: each visit of a C line is a step, and the verifier's states are not shown beside it.",
};

/**
 * The programs that were recorded together, each a button that steps its events.
 * @param {Recorded} told @param {string} stepped the program whose events are stepped @param {(name: string) => void} step
 */
function programs(told, stepped, step) {
  const button = (/** @type {import("../types/messages.js").RecordedProgram} */ { name, events }) =>
    h("button", { type: "button", class: "chip", "aria-pressed": name === stepped ? "true" : "false", disabled: !events, on: { click: () => step(name) } }, `${name} · ${count(events, "event")}`);
  return h("div", { class: "chips", role: "group", "aria-label": "Programs of the recording" }, (told.programs ?? []).map(button));
}

/** Whose values were compared with what the verifier knew, where none differs. @param {Recorded} told @param {string} rest */
function compared(told, rest) {
  const { replayed } = told;
  if (!replayed) return "No value of these events.";
  const whose = replayed === 1 ? "the first event" : `the first ${replayed} events`;
  return `No value of ${whose}. The others are not compared${rest ? "" : " yet"}.`;
}

/** @param {Stages["run"]} run @param {string} rest see State @param {string} stepped @param {(name: string) => void} step */
export function recordingParts(run, rest, stepped, step) {
  const told = run?.recorded;
  if (!told) return null;
  /** @type {[string, string[]][]} */
  const parts = [
    ["Kernel", [`Linux ${told.kernel}`]],
    ["Workload", [told.workload]],
    ["Steps", [MATCHED[told.matched]]],
    ["Outside the verifier's range", told.outside.length ? [`${count(told.outside.length, "step")}: ${told.outside.slice(0, 8).map(([run, step]) => `event ${run + 1} step ${step + 1}`).join(", ")}`] : [compared(told, rest)]],
    ["Not replayed", notReplayed(run, rest)],
    ["Printed", told.printed.slice(0, LINES)],
    ["Not recorded", told.notes],
  ];
  const shown = told.matched === "line" ? parts.filter(([name]) => name !== "Outside the verifier's range") : parts;
  return h(
    "dl",
    { class: "given" },
    (told.programs ?? []).length > 1 ? h("div", null, h("dt", null, "Programs"), h("dd", null, programs(told, stepped, step))) : null,
    shown.filter(([, lines]) => lines.length).map(([name, lines]) => h("div", null, h("dt", null, name), h("dd", null, lines.map((line) => h("div", null, h("code", null, line)))))),
  );
}
