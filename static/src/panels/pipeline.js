/** The pipeline is the navigation: one button a stage, and one line below for what the chosen stage says. */
import { Panel } from "../core/panel.js";
import { notReplayed } from "../core/replayed.js";
import { STAGES, isFinal } from "../core/stages.js";
import { calm, h, setAttr, setText } from "../ui/dom.js";
import { count, ms, size } from "../ui/format.js";
import { term } from "../ui/tip.js";
import { category, ending, notEmulated } from "../ui/words.js";
import { logName, logSentence } from "./pipeline-log.js";

/** @import { Stage, StageName, Stages, State } from "../core/store.js" */
/** @import { Child } from "../types/page.js" */

/** @typedef {"source" | "object" | StageName} ButtonId */
/** @typedef {"idle" | "waiting" | "unknown" | Stage["status"]} Condition of a stage's button */

/** The stages that a log tells of. @type {ButtonId[]} */
const OF_LOG = ["source", "load", "verify"];

/** @type {Record<StageName, string>} */
const WORKING = {
  compile: "clang is compiling the program…",
  load: "Loading the object, its maps and its instructions…",
  verify: "The verifier is checking every path…",
  jit: "Translating to x86-64…",
  run: "Running the program on its input…",
};
/** A stage's status for the ear; the mark says it to the eye. */
/** @type {Record<Condition, string>} */
const SAID = { idle: "not run yet", waiting: "waiting", working: "working", done: "done", failed: "failed", skipped: "", stopped: "", unknown: "not emulated" };
const KIND = { c: "C", asm: "assembly", hex: "hex", elf: "ELF object", listing: "listing", log: "verifier log" };

/**
 * The buttons: which stage feeds each, and what it says when that stage is done.
 * @type {{id: ButtonId, label: string, from?: StageName, done?: (stages: Stages, packet: number) => string[]}[]}
 */
const BUTTONS = [
  { id: "source", label: "source" },
  { id: "compile", label: "clang", from: "compile", done: ({ compile: m }) => [(m?.compiler ?? "").replace(/^clang\s+/, ""), ms(m?.ms)] },
  { id: "object", label: "object", from: "compile", done: ({ compile: m }) => [m?.object_bytes ? size(m.object_bytes) : ""] },
  { id: "load", label: "loader", from: "load", done: ({ load: m }) => [count(m?.maps?.length ?? 0, "map"), count(m ? listed(m) : 0, "instruction")] },
  { id: "verify", label: "verifier", from: "verify", done: ({ verify: m }) => [count(m?.steps ?? 0, "step"), ms(m?.ms)] },
  { id: "jit", label: "JIT", from: "jit", done: ({ jit: m }) => [size(m?.bytes), ms(m?.ms)] },
  { id: "run", label: "run", from: "run", done: ({ run: m }, packet) => [m?.runs?.[packet]?.result ?? "", (m?.runs?.length ?? 0) > 1 ? `${m?.runs?.length} ${m?.recorded ? "events" : "packets"}` : ms(m?.ms)] },
];

/** Instructions as the list shows them: of many the message holds only the first. @param {NonNullable<Stages["load"]>} m */
const listed = (m) => m.more?.insns ?? m.insns?.length ?? 0;

/** How many of them are 64-bit loads, which take two slots of eight bytes. @param {NonNullable<Stages["load"]>} m */
function wideOf({ wide, insns = [] }) {
  if (wide) return wide.length;
  const last = insns.at(-1);
  return last ? Math.max(0, last.idx + (last.hex ?? "").length / 16 - insns.length) : 0;
}

/** What the loader made: maps, and instructions as the list shows them. @param {NonNullable<Stages["load"]>} m */
function loaded(m) {
  const insns = listed(m);
  const wide = wideOf(m);
  const programs = m.programs && m.programs.length > 1 ? `, ${count(m.programs.length, "program")}` : "";
  /** @type {Child[]} */
  const parts = [`${count(m.maps?.length ?? 0, "map")}${programs}, ${count(insns, "instruction")}`];
  if (wide) parts.push(" in ", term("slot", count(insns + wide, "slot")), `: ${count(wide, "64-bit load")} ${wide === 1 ? "takes" : "take"} two.`);
  return parts;
}

/** Whether a stage ended where the emulation does: neither done nor a fault of the program. @param {Stages[StageName]} message */
const uncovered = (message) => Boolean(message?.not_covered?.length || (message && "runs" in message && message.runs?.at(-1)?.fault?.kind === "helper"));

/** Which of several runs is in view. @param {NonNullable<Stages["run"]>} run @param {number} packet */
const whichRun = (run, packet) => ((run.runs?.length ?? 0) > 1 ? `${run.recorded ? "event" : "packet"} ${packet + 1} of ${run.runs?.length} ` : "");

/** What a source does not compile without. @param {import("../types/messages.js").Missing[]} missing */
function lacking(missing) {
  const names = missing.map((each) => each.what).join(", ");
  if (missing.every((each) => each.absent)) return `Not here: ${names}. Paste its text with the button below the source, or go on without it.`;
  return `Not declared: ${names}. The button below the source adds what is missing.`;
}

/**
 * What a stage says in a sentence: text, or a list of texts and terms with a definition.
 * @param {StageName} stage
 * @param {Stages} stages
 * @param {number} [packet]
 * @param {string} [rest] see State
 * @returns {Child}
 */
function sentence(stage, stages, packet = 0, rest = "") {
  const m = stages[stage];
  if (!m) return "";
  const { compile, load, verify, run } = stages;
  if (m.status === "working") return m.summary || WORKING[stage];
  if (m.not_covered?.length)
    return `not emulated: ${notEmulated(m.not_covered)}. ${stage === "verify" || stage === "load" ? "This is not a verdict: neither accepted nor rejected." : "The verdict is valid."}`;
  if (stage === "compile" && m.status === "failed" && compile?.missing?.length) return lacking(compile.missing);
  if (m.message && m.status !== "done") return stage === "run" && uncovered(m) ? `${ending(m.message)} The verdict is valid.` : m.message;
  if (stage === "verify" && verify)
    return [
      "accepted, ",
      term("processed", `${count(verify.insns_processed ?? 0, "instruction")} processed`),
      " in ",
      term("step", count(verify.steps ?? 0, "step")),
      verify.paths?.length ? [", ", term("path", count(verify.paths_total ?? verify.paths.length, "path"))] : "",
      ".",
    ];
  if (stage === "load" && load?.status === "done") return loaded(load);
  if (stage === "run" && run?.runs?.[packet]) {
    const r = run.runs[packet];
    const which = whichRun(run, packet);
    if (r.fault) return `${which}stopped: ${r.fault.message}`;
    return [`${which}returned ${r.result || r.r0} after ${count(r.insns ?? 0, "instruction")}.`, ...notReplayed(run, rest)].join(" ");
  }
  return m.summary || m.message || "";
}

export class Pipeline extends Panel {
  /** @type {Map<ButtonId, {spec: typeof BUTTONS[number], button: HTMLButtonElement, first: HTMLElement, rest: HTMLElement, said: HTMLElement}>} */
  buttons = new Map();
  /** @type {HTMLOListElement} */
  list;
  /** @type {HTMLSpanElement} */
  text;
  /** @type {HTMLSpanElement} */
  stale;
  /** @type {HTMLParagraphElement} */
  note;
  /** @type {import("./kernels.js").KernelsStrip} */
  strip;
  /** @type {HTMLButtonElement} opens the strip */
  kernels;
  /** @type {HTMLButtonElement} opens what each stage took and returned */
  more;
  /** @type {ButtonId | undefined} the button last brought into sight */
  brought;

  build() {
    const list = h("ol", { class: "stages", "aria-label": "Stages" });
    for (const spec of BUTTONS) {
      const first = h("span");
      const rest = h("span", { class: "stage-rest" });
      const meta = h("span", { class: "stage-meta" }, first, rest);
      const said = h("span", { class: "visually-hidden" });
      const mark = h("span", { class: "stage-mark", "aria-hidden": "true" });
      const button = h(
        "button",
        { type: "button", class: "stage", data: { stage: spec.id }, on: { click: () => this.choose(spec.id) } },
        h("span", { class: "stage-name" }, mark, spec.label),
        meta,
        said,
      );
      this.buttons.set(spec.id, { spec, button, first, rest, said });
      list.append(h("li", null, button));
    }
    this.list = list;
    this.text = h("span", { class: "note-text" });
    this.stale = h("span", { class: "stale", hidden: true });
    this.note = h("p", { class: "note", id: "note", role: "status" }, this.text, this.stale);
    const passed = () => /** @type {import("./passed.js").PassedDialog | null} */ (document.querySelector("bs-passed"))?.open();
    this.more = h(
      "button",
      { type: "button", class: "chip", hidden: true, data: { part: "passed" }, "aria-haspopup": "dialog", title: "What each stage took and returned (d)", on: { click: passed } },
      "In and out",
    );
    this.strip = /** @type {import("./kernels.js").KernelsStrip} */ (h("bs-kernels", { role: "region", "aria-label": "Real kernels", id: "kernels", hidden: true }));
    this.kernels = h(
      "button",
      { type: "button", class: "chip", hidden: true, "aria-expanded": "false", "aria-controls": "kernels", title: "Load the program into real kernels", on: { click: () => this.strip.toggle() } },
      "Real kernels",
    );
    this.append(list, h("div", { class: "note-line" }, this.note, this.kernels, this.more), this.strip);
    this.store.on(["kernelsOpen", "stages", "kind", "source", "status", "focusStage", "view", "ran", "windows", "found", "log", "edited", "packetRun", "rest"], () => this.paint());
  }

  /** @param {ButtonId} id */
  choose(id) {
    const { scope, store } = this;
    const { stages } = store.state;
    store.set({ focusStage: id });
    if (id === "source" || id === "compile") {
      store.set({ column: "code" });
      if (id === "source") document.querySelector("bs-editor")?.dispatchEvent(new CustomEvent("take-focus"));
    } else if (id === "object") store.set({ column: "insns" });
    else if (id === "load") store.set({ pane: "maps", dock: true });
    else if (id === "verify") {
      scope.cursor.show("verify");
      store.set({ pane: stages.verify?.status === "failed" ? "why" : "log", dock: true, focusStage: "verify" });
    } else if (id === "jit") store.set({ pane: "machine", dock: true });
    else if (id === "run") {
      if (scope.steps.run.total) scope.cursor.show("run");
      store.set({ pane: "output", dock: true, focusStage: "run" });
    }
  }

  paint() {
    const { stages, status, focusStage, view } = this.store.state;
    const log = isLog(this.store.state);
    // Stages after one that failed were skipped for that; others (clang, for assembly) have nothing to do.
    let broken = false;
    for (const [id, { spec, button, first, rest, said }] of this.buttons) {
      const message = spec.from ? stages[spec.from] : undefined;
      /** @type {Condition} */
      let state = condition(id, stages, spec.from, status.state === "running");
      let words = this.words(spec, state, broken);
      broken ||= state === "failed";
      if (state === "failed" && uncovered(message)) [state, words] = ["unknown", ["not emulated"]];
      if (log && spec.from === "verify" && state === "done" && stages.verify?.verdict === "none") state = "unknown";
      if (button.parentElement) button.parentElement.hidden = log && !OF_LOG.includes(id);
      setAttr(button, "data-status", state);
      setAttr(button, "aria-pressed", id === view ? "true" : "false");
      setAttr(button, "data-focus", id === focusStage);
      setText(first, words[0] || "·");
      setText(rest, words.slice(1).map((word) => ` · ${word}`).join(""));
      setText(said, state === "unknown" && log ? "no verdict in the text" : (SAID[state] ?? state));
    }
    this.kernels.hidden = !(this.strip.offered && (this.strip.verified || this.store.state.kernelsOpen));
    setAttr(this.kernels, "aria-expanded", String(this.store.state.kernelsOpen));
    this.more.hidden = !STAGES.some((s) => isFinal(stages[s]));
    this.say(this.store.state);
    this.bring(STAGES.find((s) => stages[s]?.status === "failed" || stages[s]?.status === "working") ?? view);
  }

  /** What a stage's button says below its name. `broken`: a stage before it failed. @param {typeof BUTTONS[number]} spec @param {Condition} state @param {boolean} broken @returns {string[]} */
  words(spec, state, broken) {
    const { stages, kind, source, packetRun } = this.store.state;
    const { id } = spec;
    switch (state) {
      case "working": {
        const total = spec.from === "verify" ? this.scope.steps.verify.total : 0;
        return [total ? count(total, "step") : "working…"];
      }
      case "failed":
        return [FAILED[id]?.(stages) ?? "failed", id === "verify" && stages.verify?.read_from ? "read from a log" : ""].filter(Boolean);
      case "skipped":
        return [broken && !stages.run?.runs ? "not reached" : id === "verify" ? "switched off" : "not needed"];
      case "stopped":
        return ["stopped"];
    }
    if (isLog(this.store.state)) {
      if (id === "load" && stages.load?.insns) return [count(stages.load.insns.length, "instruction")];
      if (id === "verify" && stages.verify?.read_from) return [count(stages.verify.steps ?? 0, "step"), "read from a log"];
    }
    if (id === "source") return kind === "c" ? ["C", count(source.split("\n").length, "line")] : [KIND[kind]];
    return spec.from && stages[spec.from] && spec.done ? spec.done(stages, packetRun).filter(Boolean) : [];
  }

  /** Why the verifier refused, on one line: its sentence, what else it said, and what that comes to. @param {StageName} stage */
  reason(stage) {
    const { stages, log, reasons } = this.store.state;
    const fail = stage === "verify" ? stages.verify?.fail : null;
    if (!fail) return "";
    const { sentence: first, beside } = reasons.said(stages.verify?.message ?? "", log);
    return [first, ...beside, fail.category ? category(fail.category).label : ""].filter(Boolean).join(" — ");
  }

  /** Where the line of stages is wider than the screen, keep the one that matters in sight. @param {ButtonId} id */
  bring(id) {
    if (id === this.brought) return;
    this.brought = id;
    // Where it stands is asked once all panels have painted.
    queueMicrotask(() => this.toSight(id));
  }

  /** @param {ButtonId} id */
  toSight(id) {
    const button = this.buttons.get(id)?.button;
    if (!button || this.list.scrollWidth <= this.list.clientWidth) return;
    const left = button.offsetParent === this.list ? button.offsetLeft : (button.parentElement?.offsetLeft ?? 0) - this.list.offsetLeft;
    this.list.scrollTo({ left: left - 60, behavior: calm() ? "auto" : "smooth" });
  }

  /** @param {State} state */
  say(state) {
    const { stages, status, focusStage, ran, found, edited, packetRun, rest } = state;
    const log = isLog(state);
    /** @param {StageName} stage */
    const named = (stage) => `${log ? logName(stage, stages) : NAMES[stage]}: `;
    /** What a stage says, with its name; of a log what the kernel said comes first. @param {StageName} stage @param {Child} what @returns {Child} */
    const told = (stage, what) => (log && stage === "verify" ? [what, ` · ${logName(stage, stages)}`] : [named(stage), what]);
    /** @param {StageName} stage */
    const say = (stage) => (log ? logSentence(stage, stages) : sentence(stage, stages, packetRun, rest));
    const working = STAGES.find((s) => stages[s]?.status === "working");
    const focused = chosen(focusStage);
    // A run on a counterexample stops after the verifier refused: what is looked at comes first.
    const failed = focused && stages[focused]?.status === "failed" ? focused : STAGES.find((s) => stages[s]?.status === "failed");
    /** @type {Child} */
    let text = "";
    let tone = "";
    if (status.state === "lost" || status.state === "error") [text, tone] = [status.message, "bad"];
    else if (status.state === "running" && !Object.keys(stages).length) text = status.message || (log ? "Sending the log…" : "Sending the program…");
    else if (found) text = found;
    else if (working) text = say(working);
    else if (failed) [text, tone] = [told(failed, this.reason(failed) || say(failed)), uncovered(stages[failed]) ? "unknown" : "bad"];
    else if (focused && stages[focused]) text = told(focused, say(focused) || "done");
    else if (status.message) text = status.message;
    else if (!ran) text = log ? "Press Read (Ctrl+Enter) to read this log." : "Press Run (Ctrl+Enter) to compile, verify and run this program.";
    this.stale.hidden = !ran || edited === ran.edited || status.state === "running";
    const stale = status.state === "error" ? "The stages and panels still show the last run" : "Edited since the last run: press Run (Ctrl+Enter)";
    setText(this.stale, this.stale.hidden ? "" : stale);
    // Kept while it says the same: a term in it may have the focus.
    const made = h("span", null, text);
    if (made.textContent !== this.text.textContent) this.text.replaceChildren(...made.childNodes);
    setAttr(this.note, "data-tone", tone);
    setAttr(this.note, "data-whole", status.state === "error" ? "" : null);
    setAttr(this.note, "title", this.text.querySelector(".term") ? null : this.text.textContent);
  }
}

/** Whether what is shown is a log that is read. @param {State} state */
const isLog = ({ ran, kind }) => (ran?.kind ?? kind) === "log";

/**
 * The state of a stage's button. The source is always there; of an object there is something only where one was made.
 * @param {ButtonId} id
 * @param {Stages} stages
 * @param {StageName | undefined} from
 * @param {boolean} running
 * @returns {Condition}
 */
function condition(id, stages, from, running) {
  if (id === "source") return "done";
  const status = from ? (stages[from]?.status ?? "idle") : "idle";
  if (id === "object" && status === "done" && !stages.compile?.object_bytes) return "skipped";
  return status === "idle" && running ? "waiting" : status;
}

/** The stage that speaks for a button; the source says nothing. @param {ButtonId} id @returns {StageName | null} */
const chosen = (id) => (id === "object" ? "compile" : id === "source" ? null : id);
/** @type {Record<StageName, string>} */
const NAMES = { compile: "clang", load: "Loader", verify: "Verifier", jit: "JIT", run: "Run" };
/** @param {Stages} stages */
const errors = ({ compile }) => Math.max(1, (compile?.diagnostics ?? []).filter((d) => /error/.test(d.severity)).length);
/** What a button says of a stage that failed; the others say "failed". @type {Partial<Record<ButtonId, (stages: Stages) => string>>} */
const FAILED = { verify: () => "rejected", compile: (stages) => count(errors(stages), "error"), run: ({ run }) => (run?.runs?.length ? "stopped" : "failed"), object: () => "no object" };
