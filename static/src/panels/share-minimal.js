/** The smallest source that is refused for the same reason: asked for in the share dialog, shown while it shrinks. */
import { minimal, shrunk } from "../core/report.js";
import { fill, h, setText } from "../ui/dom.js";
import { size } from "../ui/format.js";

/** @import { Scope } from "../core/scope.js" */
/** @import { State } from "../core/store.js" */

/** Whether a state has something to reduce. @param {State} state */
const refused = ({ kind, stages }) => kind === "c" && stages.verify?.verdict === "reject" && !stages.verify.read_from;

/** @type {Record<string, string>} */
const ENDS = { smallest: "", time: " The time was over before everything was tried.", tries: " Not everything was tried." };

export class Minimal {
  /** @param {Scope} scope @param {() => string} url of the link that was made */
  constructor(scope, url) {
    this.scope = scope;
    this.url = url;
    this.start = h("button", { type: "button", class: "chip", "data-reduce": true, title: "Take out of the source what the rejection does not need", on: { click: () => this.press() } }, "Make it minimal");
    this.copy = h("button", { type: "button", class: "chip", hidden: true, "data-copy": "minimal", on: { click: () => void this.copied() } }, "Copy");
    this.said = h("span", { class: "hint", role: "status" });
    this.area = h("textarea", { class: "share-text", readonly: true, rows: "10", "aria-label": "Minimal reproduction", hidden: true });
    this.element = h("div", { class: "share-group", role: "group", "aria-label": "Minimal reproduction" });
    fill(this.element, h("h3", null, "Minimal reproduction"), this.start, this.copy, this.said, this.area);
    scope.store.on(["analyses", "stages"], () => this.paint());
  }

  press() {
    const { analyses } = this.scope;
    const known = analyses.answer("reduce");
    if (known?.status === "asked") analyses.stop("reduce");
    else if (known) analyses.again("reduce", {});
    else analyses.ask("reduce");
  }

  /** The smallest source that is known. */
  best() {
    return this.scope.analyses.answer("reduce")?.parts.at(-1) ?? null;
  }

  paint() {
    const { analyses, state } = this.scope;
    this.element.hidden = !analyses.offers("reduce") || !refused(state);
    if (this.element.hidden) return;
    const known = analyses.answer("reduce");
    const found = this.best();
    const asked = known?.status === "asked";
    setText(this.start, asked ? "Stop" : known?.status === "failed" ? "Try again" : "Make it minimal");
    this.start.hidden = known?.status === "done";
    setText(this.copy, found ? `Copy ${size(new Blob([minimal(state, found, this.url())]).size)}` : "Copy");
    this.copy.hidden = this.area.hidden = !found;
    const text = found ? minimal(state, found, this.url()) : "";
    if (this.area.value !== text) this.area.value = text;
    const sofar = found ? shrunk(found) : "";
    if (asked) setText(this.said, found ? `${sofar} Going on…` : "Compiling and verifying smaller sources…");
    else if (known?.status === "failed") setText(this.said, `${sofar} ${known.message}`.trim());
    else setText(this.said, found ? sofar + (ENDS["ended" in found ? found.ended : ""] ?? "") : "");
  }

  async copied() {
    this.paint();
    this.area.select();
    try {
      await navigator.clipboard.writeText(this.area.value);
      setText(this.said, `Copied: ${size(new Blob([this.area.value]).size)}.`);
    } catch {
      setText(this.said, "The text is selected: copy it from here.");
    }
  }
}
