/** References, locks and sections held after a step: where taken, and where given back. */
import { fill, h } from "../ui/dom.js";
import { holding } from "../ui/words.js";

/** @import { Holding, Release } from "../types/messages.js" */

/** How many releases of a reference are listed. */
const RELEASES = 3;

export class Held {
  /** @param {(step: number) => HTMLElement} to makes a link to a step */
  constructor(to) {
    this.to = to;
    this.element = h("section", { class: "held", hidden: true, "aria-label": "Held at this step" });
    this.stamp = "";
    /** @type {import("../core/reasons.js").Reasons | null} */
    this.reasons = null;
  }

  hide() {
    this.element.hidden = true;
  }

  /**
   * @param {import("../core/reasons.js").Reasons} reasons
   * @param {{step: number, raw: any}} here
   */
  show(reasons, here) {
    const held = reasons.held(here.step, here.raw.path);
    const stamp = held.map((each) => `${each.kind}${each.id}@${each.step}`).join();
    this.element.hidden = !held.length;
    if (!held.length || (this.stamp === stamp && this.reasons === reasons)) return;
    this.stamp = stamp;
    this.reasons = reasons;
    fill(this.element, h("h3", null, "Held"), h("ul", null, held.map((each) => this.item(each))));
  }

  /** @param {Holding} each */
  item(each) {
    const by = each.by ? [" by ", h("code", null, `${each.by}()`)] : null;
    return h("li", null, h("b", null, holding(each)), " acquired at ", this.to(each.step), by, ". ", this.released(each));
  }

  /** @param {Holding} each */
  released(each) {
    const { released, still_held: still } = each;
    if (!released.length) return still.length ? h("span", { class: "bad" }, "Never released.") : "Not released on any verified path.";
    return [
      "Released at ",
      released.slice(0, RELEASES).map((at, i) => [i ? ", " : "", this.to(at.step), this.how(at)]),
      released.length > RELEASES ? ` and ${released.length - RELEASES} more` : "",
      still.length ? h("span", { class: "bad" }, ", but not on every path") : null,
      ".",
    ];
  }

  /** @param {Release} release */
  how({ how }) {
    return how ? [" (", how === "found to be NULL" ? how : h("code", null, `${how}()`), ")"] : null;
  }
}
