/** Have the program recorded in a real kernel, and step what was recorded. */
import { fill, h, setAttr, setText } from "../ui/dom.js";
import { count } from "../ui/format.js";

/** @import { Scope } from "../core/scope.js" */
/** @import { EventRecorded, RecordingMade } from "../types/messages.js" */

const WORKLOADS = [["shell", "five shell commands"], ["files", "files are written and read"], ["network", "three pings of the loopback"], ["scheduler", "six short tasks"]];

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
    this.workload = h(
      "select",
      { "aria-label": "What runs while it is recorded" },
      WORKLOADS.map(([value, text]) => h("option", { value }, text)),
    );
    this.button = h("button", { type: "button", class: "chip", on: { click: () => this.ask() } }, "Record on a real kernel");
    this.said = h("p", { class: "hint", role: "status" });
    this.notes = h("ul", { class: "hint" });
    this.element = h("div", { class: "record", hidden: true }, h("div", { class: "field" }, this.button, this.workload), this.said, this.notes);
    scope.store.on(["analyses", "stages"], () => this.draw());
  }

  ask() {
    this.taken = null;
    this.scope.analyses.again("record", { workload: this.workload.value });
  }

  draw() {
    const { scope } = this;
    const verified = scope.state.stages.verify?.status === "done";
    this.element.hidden = !verified || !scope.analyses.offers("record");
    const answer = scope.analyses.answer("record");
    const parts = answer?.parts ?? [];
    const events = /** @type {EventRecorded[]} */ (parts.filter((part) => part.type === "event_recorded"));
    const made = /** @type {RecordingMade | undefined} */ (parts.find((part) => part.type === "recording"));
    this.button.disabled = answer?.status === "asked";
    const last = events.at(-1);
    if (!answer) setText(this.said, "");
    else if (answer.status === "failed") setText(this.said, answer.message);
    else if (made) setText(this.said, made.events ? `${count(made.events, "event")} of Linux ${made.kernel}.` : `None of the programs was recorded on Linux ${made.kernel}.`);
    else setText(this.said, last ? `${count(events.length, "event")} recorded; the last one: ${last.program} in ${last.task}, ${last.insns} machine instructions.` : "A kernel is started and the programs are attached…");
    setAttr(this.said, "data-tone", answer?.status === "failed" || (made && !made.events) ? "bad" : "");
    fill(this.notes, (made?.notes ?? []).map((note) => h("li", null, note)));
    if (made?.base64 && this.taken !== made) {
      this.taken = made;
      this.step({ kind: "recording", base64: made.base64 });
    }
  }
}
