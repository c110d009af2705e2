/** All call frames of the step under the cursor side by side: registers and stack of each, the innermost last. */
import { glyph, h } from "../ui/dom.js";
import { kindOf, summary } from "../ui/kinds.js";
import { byPlace } from "../core/contain.js";
import { refill } from "./shape-common.js";
import { split } from "./state-names.js";

/** @import { WalkHere } from "../core/cursor.js" */
/** @import { Scope } from "../core/scope.js" */

export class FramesView {
  tools = null;
  stamp = "";
  /** @type {unknown} */
  of = null;

  /** @param {Scope} scope */
  constructor(scope) {
    this.scope = scope;
    this.element = h("div", { class: "shape-frames shape-scroll", tabindex: "0", role: "region", "aria-label": "Call frames side by side" });
  }

  paint() {
    const { view, step, base, reg } = this.scope.state;
    const here = this.scope.cursor.walked();
    const stamp = `${view} ${step} ${base} ${reg}`;
    if (this.stamp === stamp && this.of === (here?.raw ?? null)) return;
    this.stamp = stamp;
    this.of = here?.raw ?? null;
    refill(this.element, here ? this.frames(here) : h("p", { class: "hint" }, view === "verify" ? "The frames appear here once the step is fetched." : "The frames are those of the verifier's step: choose its stage above."));
  }

  /** @param {WalkHere} here */
  frames(here) {
    const { code } = this.scope.state;
    /** @type {string[][]} */
    const names = Array.from({ length: Math.max(here.depth, here.frame + 1) }, () => []);
    for (const name of new Set([...here.state.keys(), ...here.before.keys()])) names[Math.min(split(name).frame, names.length - 1)].push(name);
    const sites = this.sites(here);
    return names.map((list, frame) => {
      const site = sites[frame];
      const func = site >= 0 ? code.func(site) : "";
      return h(
        "section",
        { class: `frame${frame === here.frame ? " current" : ""}` },
        h("h3", null, `Frame ${frame}`, func ? h("span", { class: "frame-func" }, ` ${func}`) : "", frame === here.frame ? h("span", { class: "hint" }, " current") : ""),
        h(
          "table",
          { class: "map-table" },
          h("caption", { class: "visually-hidden" }, `Registers and stack of frame ${frame}`),
          h("thead", { class: "visually-hidden" }, h("tr", null, h("th", { scope: "col" }, "Name"), h("th", { scope: "col" }, "Holds"))),
          h("tbody", null, list.sort(byPlace).map((name) => this.row(name, here))),
        ),
      );
    });
  }

  /** An instruction of each frame: that of the step, and the calls that the outer frames wait at, where the steps told are here. @param {WalkHere} here @returns {number[]} */
  sites(here) {
    const { verify } = this.scope.steps;
    const found = Array.from({ length: here.frame + 1 }, () => -1);
    found[here.frame] = here.idx;
    let want = here.frame - 1;
    for (let step = here.step; step >= 0 && want >= 0; ) {
      const raw = verify.step(step);
      if (!raw) break;
      const frame = raw.frame ?? 0;
      if (frame === want) found[want--] = raw.insn;
      step = raw.prev ?? step - 1;
    }
    return found;
  }

  /** @param {string} name @param {WalkHere} here */
  row(name, here) {
    const { base, reg: selected } = this.scope.state;
    const reg = here.state.get(name);
    const wrote = here.wrote.has(name);
    const choose = () => this.scope.store.set({ reg: name });
    return h(
      "tr",
      { class: [wrote ? "wrote" : "", selected === name ? "selected" : ""].join(" ").trim(), data: { kind: kindOf(reg) } },
      h("th", { scope: "row" }, h("button", { type: "button", class: "line-link", "aria-pressed": String(selected === name), data: { keep: name }, on: { click: choose } }, split(name).slot)),
      h("td", { title: reg?.t ?? null }, reg ? [glyph(kindOf(reg), Boolean(reg.null)), h("span", { class: `kind-${kindOf(reg)}` }, ` ${summary(reg, base)}`), reg.p ? h("span", { title: "precise" }, " ●") : null] : h("span", { class: "hint" }, "not initialized any more")),
    );
  }
}
