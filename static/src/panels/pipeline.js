/** The pipeline is the navigation: one button a stage, and one line below for what the chosen stage says. */
import { Panel } from "../core/panel.js";
import { calm, h, setAttr, setText } from "../ui/dom.js";
import { count, ms, size } from "../ui/format.js";
import { category } from "../ui/words.js";

const WORKING = {
  compile: "clang is compiling the program…",
  load: "Reading the object, its maps and its instructions…",
  verify: "The verifier is walking every path…",
  jit: "Translating to x86-64…",
  run: "Running the program on its input…",
};
/** A stage's status for the ear; the mark says it to the eye. */
const SAID = { idle: "not run yet", waiting: "waits", working: "working", done: "done", failed: "failed", skipped: "", stopped: "", unknown: "not emulated" };
const KIND = { c: "C", asm: "assembly", hex: "hex", elf: "ELF object" };

/** The buttons: which message feeds each, and what it says when that stage is done. */
const BUTTONS = [
  { id: "source", label: "source" },
  { id: "compile", label: "clang", from: "compile", done: (m) => [version(m), ms(m.ms)] },
  { id: "object", label: "object", from: "compile", done: (m) => [m.object_bytes ? size(m.object_bytes) : ""] },
  { id: "load", label: "loader", from: "load", done: (m) => [count(m.maps?.length ?? 0, "map"), count(m.insns?.length ?? 0, "insn")] },
  { id: "verify", label: "verifier", from: "verify", done: (m) => [count(m.steps ?? 0, "step"), ms(m.ms)] },
  { id: "jit", label: "JIT", from: "jit", done: (m) => [m.bytes === undefined ? "" : size(m.bytes), ms(m.ms)] },
  { id: "run", label: "run", from: "run", done: (m) => [m.runs?.[0]?.result ?? "", m.runs?.length > 1 ? `${m.runs.length} packets` : ms(m.ms)] },
];

const version = (m) => String(m.compiler ?? "").replace(/^clang\s+/, "");

/** What a finished stage says in a sentence. */
function sentence(stage, m) {
  if (!m) return "";
  if (m.status === "working") return m.summary || WORKING[stage];
  if (m.not_emulated?.length)
    return `not emulated: ${m.not_emulated.join("; ")}. ${stage === "verify" || stage === "load" ? "That is no verdict: neither accepted nor refused." : "The verdict stands."}`;
  if (m.status === "failed" && m.missing?.length)
    return `${count(m.missing.length, "thing is", "things are")} missing: ${m.missing.map((x) => x.what).join(", ")}. One click below the source adds ${m.missing.length === 1 ? "it" : "them"}.`;
  if (m.message && m.status !== "done") return m.message;
  if (stage === "verify")
    return `accepted, ${count(m.insns_processed ?? 0, "instruction")} processed in ${count(m.steps ?? 0, "step")}${m.paths?.length ? `, ${count(m.paths.length, "path")}` : ""}.`;
  if (stage === "run" && m.runs?.[0]) {
    const r = m.runs[0];
    return r.fault
      ? `stopped: ${r.fault.message ?? r.fault}`
      : `returned ${r.result || r.r0} after ${count(r.insns ?? 0, "instruction")}.`;
  }
  return m.summary || m.message || "";
}

export class Pipeline extends Panel {
  build() {
    this.buttons = new Map();
    const list = h("ol", { class: "stages", "aria-label": "Stages" });
    for (const spec of BUTTONS) {
      const meta = h("span", { class: "stage-meta" });
      const said = h("span", { class: "visually-hidden" });
      const mark = h("span", { class: "stage-mark", "aria-hidden": "true" });
      const button = h(
        "button",
        { type: "button", class: "stage", data: { stage: spec.id }, on: { click: () => this.choose(spec.id) } },
        h("span", { class: "stage-name" }, mark, spec.label),
        meta,
        said,
      );
      this.buttons.set(spec.id, { spec, button, meta, said });
      list.append(h("li", null, button));
    }
    this.list = list;
    this.text = h("span", { class: "note-text" });
    this.note = h("p", { class: "note", id: "note", role: "status" }, this.text);
    this.append(list, this.note);
    this.store.on(["stages", "kind", "source", "status", "focusStage", "view", "ran", "windows", "found", "log"], () => this.paint());
  }

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
      scope.show("verify");
      store.set({ pane: stages.verify?.status === "failed" ? "why" : "log", dock: true, focusStage: "verify" });
    } else if (id === "jit") store.set({ pane: "machine", dock: true });
    else if (id === "run") {
      if (scope.windows.run.total) scope.show("run");
      store.set({ pane: "output", dock: true, focusStage: "run" });
    }
  }

  paint() {
    const { stages, kind, source, status, focusStage, view, ran } = this.store.state;
    // Stages after one that failed were skipped for that; others (clang, for assembly) have nothing to do.
    let broken = false;
    for (const [id, { spec, button, meta, said }] of this.buttons) {
      const message = spec.from ? stages[spec.from] : null;
      let state = message?.status ?? "idle";
      let words = message && message.status !== "working" && spec.done ? spec.done(message).filter(Boolean) : [];
      if (id === "source") {
        state = "done";
        words = [kind === "c" ? `C · ${count(source.split("\n").length, "line")}` : KIND[kind]];
      } else if (id === "object" && state === "done" && !message.object_bytes) state = "skipped";
      else if (state === "idle" && status.state === "running") state = "waiting";
      if (state === "working") {
        const total = spec.from === "verify" ? this.scope.windows.verify.total : 0;
        words = [total ? count(total, "step") : "working…"];
      }
      if (state === "failed")
        words = [
          id === "verify" ? "rejected" : id === "compile" ? count(errors(message), "error") : id === "object" ? "no object" : "failed",
        ];
      if (state === "skipped") words = [broken ? "not reached" : "not needed"];
      if (state === "stopped") words = ["stopped"];
      broken ||= state === "failed";
      // What the emulation does not cover is neither done nor a fault of the program.
      if (state === "failed" && message.not_emulated?.length) [state, words] = ["unknown", ["not emulated"]];
      setAttr(button, "data-status", state);
      setAttr(button, "aria-pressed", id === view ? "true" : "false");
      setAttr(button, "data-focus", id === focusStage);
      setText(meta, words.join(" · ") || "·");
      setText(said, SAID[state] ?? state);
    }
    this.say(stages, status, focusStage, ran);
    this.bring(STAGE_ORDER.find((s) => stages[s]?.status === "failed" || stages[s]?.status === "working") ?? view);
  }

  /** Why the verifier refused, on one line: what it comes to, and its own words. */
  reason(stage) {
    const { stages, log } = this.store.state;
    const fail = stage === "verify" ? stages.verify.fail : null;
    if (!fail) return "";
    const said = log.after(fail.step).split("\n").join(" — ") || stages.verify.message;
    const { label } = category(fail.category);
    return fail.category ? `${label[0].toLowerCase()}${label.slice(1)} — ${said}` : said;
  }

  /** Where the line of stages is wider than the screen, keep the one that matters in sight. */
  bring(id) {
    if (id === this.brought) return;
    this.brought = id;
    const button = this.buttons.get(id)?.button;
    if (!button || this.list.scrollWidth <= this.list.clientWidth) return;
    const left = button.offsetParent === this.list ? button.offsetLeft : button.parentElement.offsetLeft - this.list.offsetLeft;
    this.list.scrollTo({ left: left - 60, behavior: calm() ? "auto" : "smooth" });
  }

  say(stages, status, focusStage, ran) {
    const { found, edited } = this.store.state;
    const working = STAGE_ORDER.find((s) => stages[s]?.status === "working");
    const failed = STAGE_ORDER.find((s) => stages[s]?.status === "failed");
    let text = "";
    let tone = "";
    if (status.state === "lost" || status.state === "error") [text, tone] = [status.message, "bad"];
    else if (status.state === "running" && !Object.keys(stages).length) text = status.message || "Sending the program…";
    else if (found) text = found;
    else if (working) text = sentence(working, stages[working]);
    else if (failed) [text, tone] = [`${name(failed)}: ${this.reason(failed) || sentence(failed, stages[failed])}`, stages[failed].not_emulated?.length ? "unknown" : "bad"];
    else if (stages[chosen(focusStage)]) text = `${name(chosen(focusStage))}: ${sentence(chosen(focusStage), stages[chosen(focusStage)]) || "done"}`;
    else if (status.message) text = status.message;
    else if (!ran) text = "Press Run, or Ctrl+Enter, to send this program through every stage.";
    if (ran && edited !== ran.edited && tone === "" && status.state !== "running")
      text = "Edited since the last run: press Run, or Ctrl+Enter, to see what becomes of it.";
    setText(this.text, text);
    setAttr(this.note, "data-tone", tone);
    setAttr(this.note, "title", text);
  }
}

const STAGE_ORDER = ["compile", "load", "verify", "jit", "run"];
const chosen = (focusStage) => (focusStage === "object" ? "compile" : focusStage);
const name = (stage) => ({ compile: "clang", load: "Loader", verify: "Verifier", jit: "JIT", run: "Run" })[stage];
const errors = (m) => Math.max(1, (m.diagnostics ?? []).filter((d) => /error/.test(d.severity)).length);
