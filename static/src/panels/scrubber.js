/** The scrubber: where the cursor stands in the walk or the run, with forks, prunes and failures marked. */
import { Panel } from "../core/panel.js";
import { h, setAttr, setText, svg } from "../ui/dom.js";
import { term } from "../ui/tip.js";
import { moves } from "./moves.js";

const MARKS = 400;
/** @type {Record<string, string>} */
const MARKED = { safe: "prune", reject: "fail" };

export class Scrubber extends Panel {
  /** @type {HTMLInputElement} */
  range;
  /** @type {SVGSVGElement} */
  marks;
  /** @type {SVGSVGElement} */
  accesses;
  /** @type {HTMLSpanElement} */
  count;
  /** @type {HTMLElement} */
  path;
  /** @type {HTMLOutputElement} */
  where;
  /** @type {HTMLSpanElement} */
  mode;
  /** @type {number | undefined} steps there were when the marks were drawn */
  marked;

  build() {
    const { scope } = this;
    this.range = h("input", {
      type: "range",
      min: "0",
      step: "1",
      value: "0",
      "aria-label": "Step",
      on: { input: () => scope.cursor.goto(Number(this.range.value)) },
    });
    this.marks = svg("svg", { class: "marks", preserveAspectRatio: "none", viewBox: "0 0 1000 10", "aria-hidden": "true" });
    this.accesses = svg("svg", { class: "marks accesses", preserveAspectRatio: "none", viewBox: "0 0 1000 10", "aria-hidden": "true" });
    this.count = h("span");
    this.path = term("path", "");
    this.where = h("output", { class: "where" }, this.count, this.path);
    this.mode = h("span", { class: "mode" });
    this.append(
      moves(scope),
      h("div", { class: "track" }, this.marks, this.accesses, this.range),
      h("div", { class: "place" }, this.mode, this.where),
    );
    this.store.on(["step", "view", "windows", "stages"], (changed) => this.paint(changed));
    this.store.on(["value", "asking", "view"], () => this.access());
  }

  /** @param {Set<string>} changed */
  paint(changed) {
    const { step, view, stages } = this.store.state;
    const { total } = this.scope.cursor;
    setAttr(this.range, "max", Math.max(0, total - 1));
    this.range.disabled = total === 0;
    if (Number(this.range.value) !== step) this.range.value = String(step);
    const raw = view === "verify" ? this.scope.steps.verify.step(step) : null;
    const path = raw && (stages.verify?.paths?.length ?? 0) > 1 ? ` · path ${raw.path}` : "";
    const more = stages[view]?.status === "working" ? "+" : "";
    setText(this.mode, view === "verify" ? "verifier" : "run");
    setText(this.path, path.replace(" · ", ""));
    this.path.hidden = !path;
    setText(this.count, total ? `step ${step + 1} of ${total}${more}${path ? " · " : ""}` : stages[view]?.status === "failed" ? "no steps" : "no steps yet");
    setAttr(this.range, "aria-valuetext", total ? `step ${step + 1} of ${total}` : "no steps yet");
    if (changed.has("stages") || changed.has("view") || this.marked !== total) this.mark(total);
  }

  /** Where the value that is asked for is read and written. */
  access() {
    const { value, asking, view } = this.store.state;
    const { total } = this.scope.cursor;
    this.accesses.textContent = "";
    if (!value || !asking || value.stage !== view || total < 2) return;
    const seen = new Set();
    for (const [kind, steps] of /** @type {[string, number[]][]} */ ([["write", value.writes], ["read", value.reads]]))
      for (const step of steps) {
        const x = Math.round((step / (total - 1)) * 1000);
        if (seen.size >= 2 * MARKS || seen.has(x)) continue;
        seen.add(x);
        this.accesses.append(svg("line", { x1: x, x2: x, y1: kind === "write" ? 0 : 4, y2: 10, class: `mark-${kind}`, "vector-effect": "non-scaling-stroke" }));
      }
  }

  /** @param {number} total */
  mark(total) {
    const { view, stages } = this.store.state;
    this.marked = total;
    this.marks.textContent = "";
    if (total < 2 || view !== "verify") return;
    const seen = new Set();
    /** @param {number} step @param {string} kind */
    const put = (step, kind) => {
      const x = Math.round((step / (total - 1)) * 1000);
      if (step < 0 || seen.size > MARKS || seen.has(`${kind}${x}`)) return;
      seen.add(`${kind}${x}`);
      this.marks.append(
        svg("line", { x1: x, x2: x, y1: kind === "fork" ? 6 : 0, y2: 10, class: `mark-${kind}`, "vector-effect": "non-scaling-stroke" }),
      );
    };
    const thin = stages.verify?.path_marks;
    if (thin && !this.scope.lists.whole("paths"))
      for (const [kind, steps] of Object.entries(thin))
        for (const step of steps) put(step, kind === "fork" ? kind : (MARKED[kind] ?? "exit"));
    else for (const path of stages.verify?.paths ?? []) {
      if (path.push_step > 0) put(path.push_step, "fork");
      put(path.last_step, MARKED[path.end] ?? "exit");
    }
    if (stages.verify?.fail) put(stages.verify.fail.step, "fail");
  }
}
