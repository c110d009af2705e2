/** The panels at the bottom: one open at a time, none shown that has nothing to say. */
import { opened } from "../core/layout.js";
import { Panel } from "../core/panel.js";
import { narrow } from "../core/room.js";
import { calm, h, setAttr, setText } from "../ui/dom.js";

/** @import { State } from "../core/store.js" */

/**
 * `when` hides a panel that would be empty; `dot` marks one that has something to say of the step under the cursor;
 * `name` is a label that follows the state; `scrolls`: its content is longer than the panel. A panel is made when it is
 * first opened; `atOnce`: with the page, for it keeps what passes before that.
 * @typedef {{
 *   id: string, label: string, tag: string, scrolls?: boolean, atOnce?: boolean, when?: (state: State) => boolean, dot?: (state: State) => boolean,
 *   name?: (state: State) => string, badge?: (state: State) => number | string | undefined,
 * }} Pane
 */

/** @typedef {{pane: Pane, tab: HTMLButtonElement, label: HTMLElement, badge: HTMLElement, body: HTMLElement}} Tab */

/** The input's panel is called after what the program gets. @param {State} state */
function inputName({ input, stages }) {
  const kind = input.kind === "auto" ? stages.load?.input?.kind : input.kind;
  return kind === "event" ? "Event" : kind === "none" ? "Input" : "Packet";
}

/** Whether the program came from an object file: clang's or the user's own. @param {State} state */
const hasObject = ({ kind, stages }) => kind === "elf" || (kind === "c" && stages.compile?.status === "done");

/** Whether there is a program to run: a log is read only. @param {State} state */
const runs = ({ ran, kind }) => (ran?.kind ?? kind) !== "log";

/** How many paths the walk has. @param {State} state */
const pathCount = ({ stages: { verify } }) => verify?.more?.tree || verify?.tree?.length || verify?.paths?.length || 0;

/** A panel is a line here and a component. @type {Pane[]} */
export const PANES = [
  { id: "why", label: "Why", tag: "bs-why", scrolls: true, dot: (s) => s.view === "verify" && s.reasons.any(s.step) },
  { id: "log", label: "Log", tag: "bs-log" },
  { id: "paths", label: "Shape", tag: "bs-shape", when: (s) => pathCount(s) > (runs(s) ? 0 : 1), badge: (s) => (pathCount(s) > 1 ? pathCount(s) : "") },
  { id: "packet", label: "Packet", tag: "bs-packet", when: runs, name: inputName },
  { id: "maps", label: "Maps", tag: "bs-maps", scrolls: true, when: runs, badge: (s) => s.stages.load?.maps?.length || "" },
  { id: "structs", label: "Structs", tag: "bs-structs", scrolls: true, when: (s) => Boolean(s.stages.run?.recorded?.structs?.length) },
  { id: "output", label: "Output", tag: "bs-output", scrolls: true, when: runs, badge: (s) => s.stages.run?.events?.length || "" },
  { id: "rewritten", label: "Rewritten", tag: "bs-rewritten", when: (s) => runs(s) && s.stages.verify?.verdict === "accept" },
  { id: "machine", label: "Machine code", tag: "bs-machine", when: runs },
  { id: "profile", label: "Profile", tag: "bs-profile", scrolls: true, when: runs },
  { id: "compare", label: "Compare", tag: "bs-compare", scrolls: true, atOnce: true, when: runs },
  { id: "real", label: "Real", tag: "bs-real", scrolls: true, when: runs },
  { id: "breakpoints", label: "Breakpoints", tag: "bs-breakpoints", scrolls: true, badge: (s) => s.breakpoints.length || "" },
  { id: "object", label: "Object file", tag: "bs-object", scrolls: true, when: (s) => hasObject(s) },
];

/** @param {Pane} pane */
const content = (pane) => h(pane.tag, pane.scrolls ? { tabindex: "0", role: "region", "aria-label": pane.label } : null);

export class Dock extends Panel {
  /** @type {Map<string, Tab>} */
  tabs = new Map();
  /** The panel in view. */
  open = "";
  /** The open panel's tab and all that are there, when it was last brought into sight. */
  tabsShown = "";
  /** @type {HTMLButtonElement} */
  fold;
  /** @type {HTMLButtonElement} */
  close;

  build() {
    const { store } = this;
    const list = h("div", { class: "tabs", role: "tablist", "aria-label": "Panels" });
    const bodies = h("div", { class: "panes" });
    for (const pane of PANES) {
      const badge = h("span", { class: "badge" });
      const label = h("span", null, pane.label);
      const tab = h(
        "button",
        { type: "button", role: "tab", id: `tab-${pane.id}`, "aria-controls": `pane-${pane.id}`, on: { click: () => this.press(pane.id) } },
        label,
        badge,
      );
      const body = h("div", { role: "tabpanel", id: `pane-${pane.id}`, class: `pane pane-${pane.id}`, "aria-labelledby": `tab-${pane.id}` }, pane.atOnce ? content(pane) : null);
      this.tabs.set(pane.id, { pane, tab, label, badge, body });
      list.append(tab);
      bodies.append(body);
    }
    this.close = h("button", { type: "button", class: "icon fold close-pane", on: { click: () => this.shut() } }, "✕");
    const fold = h("button", { type: "button", class: "icon fold", on: { click: () => store.set({ dock: !store.state.dock }) } });
    this.fold = fold;
    list.addEventListener("keydown", (event) => this.arrows(event));
    this.append(h("div", { class: "dock-head" }, list, this.close, fold), bodies);
    store.on(["pane", "dock", "stages", "input", "ran", "layout", "breakpoints"], () => this.paint());
    store.on(["step", "view", "reasons"], () => this.dot());
  }

  /** Open a panel; the open one is folded away. @param {string} id */
  press(id) {
    const { store } = this;
    const same = store.state.pane === id && store.state.dock;
    store.set({ pane: id, dock: same ? store.state.dock : true });
    // On a narrow screen the panels stand below the columns: bring the chosen one into sight.
    if (narrow()) requestAnimationFrame(() => this.scrollIntoView({ block: "start", behavior: calm() ? "auto" : "smooth" }));
  }

  /** Panels that have something to say, in order: what keys 1-8 mean. */
  shown() {
    const { state } = this.store;
    const { closed } = state.layout;
    return PANES.filter((pane) => !closed.includes(pane.id) && (!pane.when || pane.when(state)));
  }

  /** Close the panel that is open: the view's menu brings it back. */
  shut() {
    const { layout } = this.store.state;
    this.store.set({ layout: opened(layout, this.open, false) });
    this.store.flush();
    this.tabs.get(this.open)?.tab.focus();
  }

  /** @param {KeyboardEvent} event */
  arrows(event) {
    const move = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (!move) return;
    event.preventDefault();
    event.stopPropagation();
    const shown = this.shown();
    const at = shown.findIndex((pane) => pane.id === this.store.state.pane);
    const next = shown[(at + move + shown.length) % shown.length];
    this.press(next.id);
    this.tabs.get(next.id)?.tab.focus();
  }

  /** Scroll the strip of tabs, and nothing else, until one is whole in sight. @param {string} id */
  reveal(id) {
    const tab = this.tabs.get(id)?.tab;
    const strip = tab?.parentElement;
    if (!tab || !strip) return;
    const [inner, outer] = [tab.getBoundingClientRect(), strip.getBoundingClientRect()];
    if (inner.left < outer.left) strip.scrollLeft -= outer.left - inner.left;
    else if (inner.right > outer.right) strip.scrollLeft += inner.right - outer.right;
  }

  dot() {
    for (const { pane, tab } of this.tabs.values())
      if (pane.dot) setAttr(tab, "data-dot", pane.dot(this.store.state) ? "on" : "off");
  }

  paint() {
    const { store } = this;
    const shown = this.shown();
    const open = shown.some((pane) => pane.id === store.state.pane) ? store.state.pane : (shown[0]?.id ?? "");
    // A tab that comes before the open one moves it as well.
    const tabs = [open, ...shown.map((pane) => `${pane.id}${pane.badge?.(store.state) ?? ""}`)].join();
    if (tabs !== this.tabsShown) requestAnimationFrame(() => this.reveal(open));
    this.tabsShown = tabs;
    this.open = open;
    for (const [id, { pane, tab, label, badge, body }] of this.tabs) {
      if (pane.name) setText(label, pane.name(store.state));
      tab.hidden = !shown.includes(pane);
      const chosen = id === open;
      setAttr(tab, "aria-selected", chosen ? "true" : "false");
      setAttr(tab, "tabindex", chosen ? "0" : "-1");
      body.hidden = !chosen;
      if (chosen && !body.firstChild) body.append(content(pane));
      setText(badge, pane.badge ? String(pane.badge(store.state) ?? "") : "");
    }
    setAttr(document.body, "data-dock", store.state.dock ? "open" : "closed");
    this.close.hidden = !open;
    setAttr(this.close, "aria-label", `Close the panel ${this.tabs.get(open)?.label.textContent ?? ""}`);
    setAttr(this.close, "title", "Close this panel; View brings it back");
    setText(this.fold, store.state.dock ? "▾" : "▴");
    setAttr(this.fold, "aria-label", store.state.dock ? "Hide the panels" : "Show the panels");
    setAttr(this.fold, "aria-expanded", store.state.dock ? "true" : "false");
  }
}
