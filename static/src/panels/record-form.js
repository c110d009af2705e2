/** Have the program recorded in a real kernel, and step what was recorded. */
import { missingKernels } from "../core/missing-kernels.js";
import { fill, h, setAttr, setText } from "../ui/dom.js";
import { count } from "../ui/format.js";
import { GuestFields } from "./guest-fields.js";

/** @import { Scope } from "../core/scope.js" */
/** @import { EventRecorded, RecordingMade } from "../types/messages.js" */

const EVENTS = 5;

/** @param {string} label @param {HTMLElement} field @param {string} [hint] */
const labelled = (label, field, hint) => h("label", { class: "field", title: hint ?? null }, h("span", null, label), field);

export class RecordForm {
  /**
   * @param {Scope} scope
   * @param {(input: import("../types/messages.js").RecordedInput) => void} step takes the recording as the input, and runs
   */
  constructor(scope, step) {
    this.scope = scope;
    this.step = step;
    /** @type {unknown} the recording that was taken */
    this.taken = null;
    this.guest = new GuestFields(scope, "record");
    const text = { type: "text", spellcheck: "false", autocomplete: "off", autocapitalize: "off" };
    this.events = h("input", { type: "number", min: "1", max: "50", value: String(EVENTS) });
    this.every = h("input", { type: "number", min: "1", max: "1000000", value: "1" });
    this.task = h("input", { ...text, maxlength: "15", placeholder: "any" });
    this.where = h("input", { ...text, maxlength: "200", placeholder: "pid == 42" });
    this.button = h("button", { type: "submit", class: "chip" }, "Record on a real kernel");
    this.said = h("p", { class: "hint" });
    this.notes = h("ul", { class: "hint" });
    this.lacking = h("p", { class: "hint record-lacking" });
    this.form = h(
      "form",
      { class: "record", on: { submit: (event) => this.submit(event) } },
      h("div", { class: "field" }, this.button),
      h("div", { class: "real-form" }, this.guest.elements),
      h(
        "details",
        { class: "record-which" },
        h("summary", null, "Which events"),
        h("p", { class: "hint" }, "The others run at full speed. A recorded event takes some milliseconds, so latencies that the program measures are wrong meanwhile."),
        labelled("At most, of each program", this.events),
        labelled("One in", this.every, "1: each of those that the other fields admit"),
        labelled("Task", this.task, "Its name or process id"),
        labelled("Condition", this.where, 'A field of the context or an argument, a comparison and a value: pid == 42, filename != "sh", ctx+16:4 > 3, packet+36:2 == 53; a global variable or the value of a map at the entry: total > 5, cfg.enabled == 1, counts[3].bytes > 100, seen[{.pid = 7}] != 0; or what the program did: returns == 1, R6 > 1500'),
      ),
      this.guest.setup.element,
      h("div", { role: "status" }, this.said, this.notes),
    );
    this.element = h("div", { hidden: true }, this.lacking, this.form);
    this.held(scope.analyses.held.record?.at(-1));
    scope.store.on(["analyses", "stages"], () => this.draw());
  }

  /** In a file: what was asked before it was made. @param {Record<string, unknown> | undefined} asked */
  held(asked) {
    if (!asked) return;
    const told = /** @type {Record<string, string | number>} */ (asked);
    this.guest.restore(told);
    for (const name of /** @type {const} */ (["events", "every", "task", "where"])) this[name].value = String(told[name] ?? this[name].value);
  }

  /** @param {SubmitEvent} event */
  submit(event) {
    event.preventDefault();
    const asked = this.guest.asked();
    if (!asked) return;
    this.taken = null;
    this.scope.analyses.again("record", {
      ...asked,
      take: "new",
      events: Number(this.events.value) || EVENTS,
      every: Number(this.every.value) || 1,
      task: this.task.value.trim(),
      where: this.where.value.trim(),
    });
  }

  draw() {
    const { scope } = this;
    this.guest.setup.paint();
    const verified = scope.state.stages.verify?.status === "done";
    this.element.hidden = !verified || !scope.analyses.offers("record");
    const missing = missingKernels(scope);
    this.form.hidden = missing !== "";
    setText(this.lacking, missing && `What the program does on a real kernel cannot be recorded here. ${missing}`);
    const answer = scope.analyses.answer("record");
    const parts = answer?.parts ?? [];
    const events = /** @type {EventRecorded[]} */ (parts.filter((part) => part.type === "event_recorded"));
    const made = /** @type {RecordingMade | undefined} */ (parts.find((part) => part.type === "recording"));
    this.button.disabled = answer?.status === "asked";
    const last = events.at(-1);
    if (!answer) setText(this.said, "");
    else if (answer.status === "failed") setText(this.said, answer.message);
    else if (made?.missing) setText(this.said, made.missing);
    else if (made) setText(this.said, made.events ? `${count(made.events, "event")} of Linux ${made.kernel}.` : `None of the programs was recorded on Linux ${made.kernel}${made.notes.length ? ":" : "."}`);
    else setText(this.said, last ? `${count(events.length, "event")} recorded; the last one: ${last.program} in ${last.task}, ${last.insns} machine instructions.` : "A kernel is started and the programs are attached…");
    setAttr(this.said, "data-tone", answer?.status === "failed" || (made && !made.events) ? "bad" : "");
    fill(this.notes, (made?.notes ?? []).map((note) => h("li", null, note)));
    if (made?.base64 && this.taken !== made && !scope.analyses.file) {
      this.taken = made;
      this.step({ kind: "recording", base64: made.base64 });
    }
  }
}
