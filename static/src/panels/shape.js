/**
 * The shape of the walk, one part at a time: the tree of its paths, two states that were compared, the control-flow graph,
 * a loop round by round, the call frames side by side. What is chosen here is `store.state.shape`; the step is the cursor's.
 */
import { VIEWS } from "../core/shape.js";
import { Panel } from "../core/panel.js";
import { h, setAttr } from "../ui/dom.js";
import { choose } from "./shape-common.js";
import { FramesView } from "./shape-frames.js";
import { GraphView } from "./shape-graph.js";
import { LoopsView } from "./shape-loops.js";
import { StatesView } from "./shape-states.js";
import { TreeView } from "./shape-tree.js";

/** @import { Scope } from "../core/scope.js" */
/** @import { Shown } from "../core/shape.js" */

/**
 * A part of the panel. `paint` is called in a frame in which something changed, and only while the part is in sight.
 * @typedef {{element: HTMLElement, tools: HTMLElement | null, paint: (changed: Set<string>) => void}} View
 */

/** @type {Record<Shown["view"], {label: string, title: string, make: (scope: Scope) => View}>} */
const PARTS = {
  paths: { label: "Paths", title: "The tree of the paths that the verifier walked", make: (scope) => new TreeView(scope) },
  states: { label: "States", title: "Two states that the verifier compared, side by side", make: (scope) => new StatesView(scope) },
  graph: { label: "Graph", title: "The control-flow graph, with the visits of each block", make: (scope) => new GraphView(scope) },
  loops: { label: "Loops", title: "A loop round by round", make: (scope) => new LoopsView(scope) },
  frames: { label: "Frames", title: "The call frames of this step side by side", make: (scope) => new FramesView(scope) },
};

/** What the parts are made of. @type {(keyof import("../core/store.js").State)[]} */
const KEYS = ["pane", "dock", "shape", "step", "view", "windows", "stages", "reasons", "code", "analyses", "base", "reg", "layout"];

export class ShapePane extends Panel {
  /** @type {Map<string, View>} parts that were looked at */
  parts = new Map();
  /** @type {Map<string, HTMLButtonElement>} */
  buttons = new Map();
  /** @type {HTMLElement} */
  tools;
  /** @type {HTMLElement} */
  body;
  /** What changed while the panel was out of sight. @type {Set<string>} */
  missed = new Set(KEYS);
  /** The part in sight. */
  open = "";

  build() {
    const views = h("div", { class: "shape-views", role: "group", "aria-label": "What of the walk's shape is shown" });
    for (const name of VIEWS) {
      const { label, title } = PARTS[name];
      // Buttons, not radios: the arrows go on stepping through the walk after one of them was pressed.
      const button = h("button", { type: "button", title, data: { part: name }, on: { click: () => choose(this.scope, { view: name }) } }, label);
      this.buttons.set(name, button);
      views.append(button);
    }
    this.tools = h("div", { class: "shape-tools" });
    this.body = h("div", { class: "shape-body" });
    this.append(h("div", { class: "shape-head" }, views, this.tools), this.body);
    this.store.on(KEYS, (changed) => this.paint(changed));
  }

  /** @param {Set<string>} changed */
  paint(changed) {
    for (const key of changed) this.missed.add(key);
    const { pane, dock, shape } = this.store.state;
    if (pane !== "paths" || !dock) return;
    const name = shape.view;
    let part = this.parts.get(name);
    if (!part) {
      part = PARTS[name].make(this.scope);
      this.parts.set(name, part);
      this.body.append(part.element);
      if (part.tools) this.tools.append(part.tools);
    }
    if (this.open !== name) {
      // What had the focus goes out of sight with its part: who came by keys goes on in the part that takes its place.
      const before = this.parts.get(this.open)?.element;
      const focused = before?.contains(document.activeElement);
      this.open = name;
      // A part that was out of sight knows nothing of what changed meanwhile.
      this.missed = new Set(KEYS);
      for (const [each, button] of this.buttons) setAttr(button, "aria-pressed", String(each === name));
      for (const [each, { element, tools }] of this.parts) {
        element.hidden = each !== name;
        if (tools) tools.hidden = each !== name;
      }
      setAttr(this, "data-part", name);
      if (focused) (part.element.tabIndex >= 0 ? part.element : /** @type {HTMLElement | null} */ (part.element.querySelector('[tabindex="0"]')))?.focus();
    }
    const { missed } = this;
    this.missed = new Set();
    part.paint(missed);
  }
}
