/** The keys, as a table: the help is made from it, so it cannot lie. */
import { fill, h } from "../ui/dom.js";

/** @import { Scope } from "./scope.js" */

/** @typedef {{keys: string, says: string, on: (event: KeyboardEvent) => boolean, do: () => void}} Binding */

/** @param {Scope} scope @returns {Binding[]} */
export function bindings(scope) {
  const { store } = scope;
  /** @typedef {(key: string) => (event: KeyboardEvent) => boolean} Test */
  /** @type {Test} */
  const plain = (key) => (e) => e.key === key && !e.ctrlKey && !e.metaKey && !e.altKey && !e.shiftKey;
  /** @type {Test} */
  const typed = (key) => (e) => e.key === key && !e.ctrlKey && !e.metaKey && !e.altKey;
  /** @type {Test} */
  const shift = (key) => (e) => e.key === key && e.shiftKey && !e.ctrlKey && !e.metaKey && !e.altKey;
  /** @type {Test} */
  const alt = (key) => (e) => e.key === key && e.altKey && !e.ctrlKey && !e.metaKey && !e.shiftKey;
  /** @param {string} part */
  const click = (part) => () => /** @type {HTMLElement | null} */ (document.querySelector(`[data-part="${part}"]`))?.click();
  /** @param {string} prefix */
  const ask = (prefix) => () => /** @type {import("../panels/goto.js").Goto | null} */ (document.querySelector("bs-goto"))?.open(prefix);
  const panes = () => /** @type {import("../panels/dock.js").Dock | null} */ (document.querySelector("bs-dock"));
  return [
    { keys: "→", says: "next step", on: plain("ArrowRight"), do: () => scope.cursor.goto(store.state.step + 1) },
    { keys: "←", says: "previous step", on: plain("ArrowLeft"), do: () => scope.cursor.goto(store.state.step - 1) },
    { keys: "Shift → ←", says: "next and previous step outside of called functions", on: shift("ArrowRight"), do: () => void scope.search.over(1) },
    { keys: "", says: "", on: shift("ArrowLeft"), do: () => void scope.search.over(-1) },
    { keys: "Alt → ←", says: "next and previous visit of this C line", on: alt("ArrowRight"), do: () => void scope.search.visitLine(1) },
    { keys: "", says: "", on: alt("ArrowLeft"), do: () => void scope.search.visitLine(-1) },
    { keys: "] [", says: "next and previous fork, prune or end of a path", on: typed("]"), do: () => scope.search.branch(1) },
    { keys: "", says: "", on: typed("["), do: () => scope.search.branch(-1) },
    { keys: ". ,", says: "next and previous change of the selected register; with its history open also reads, on this path", on: typed("."), do: () => void scope.search.change(1) },
    { keys: "", says: "", on: typed(","), do: () => void scope.search.change(-1) },
    { keys: "w", says: "go to the step that wrote the selected register", on: typed("w"), do: () => scope.search.writer() },
    { keys: "Home End", says: "first and last step", on: plain("Home"), do: () => scope.cursor.goto(0) },
    { keys: "", says: "", on: plain("End"), do: () => scope.cursor.goto(scope.cursor.total - 1) },
    { keys: "g", says: "go to a step (12), an instruction (i7) or a line (l30)", on: typed("g"), do: ask("") },
    { keys: "/", says: "search instructions, source and log", on: typed("/"), do: ask("/") },
    { keys: "v", says: "show how the selected register got its value (Escape closes it)", on: typed("v"), do: () => document.querySelector("bs-value")?.dispatchEvent(new CustomEvent("toggle-value")) },
    { keys: "m", says: "switch between the verifier and the run (the machine)", on: typed("m"), do: () => flip(scope) },
    { keys: "x", says: "switch between decimal and hexadecimal numbers", on: typed("x"), do: () => store.set({ base: store.state.base === "dec" ? "hex" : "dec" }) },
    { keys: "i", says: "explain the instruction at the cursor", on: typed("i"), do: () => document.dispatchEvent(new Event("explain")) },
    { keys: "e", says: "go to the editor (Escape leaves it)", on: typed("e"), do: () => document.querySelector("bs-editor")?.dispatchEvent(new CustomEvent("take-focus")) },
    ...Array.from({ length: 8 }, (_, i) => ({
      keys: i ? "" : "1–8",
      says: i ? "" : "open a panel",
      on: typed(String(i + 1)),
      do: () => {
        const pane = panes()?.shown()[i];
        if (pane) store.set({ pane: pane.id, dock: true });
      },
    })),
    { keys: "d", says: "what each stage took and returned", on: typed("d"), do: click("passed") },
    { keys: "s", says: "share", on: typed("s"), do: click("share") },
    { keys: "?", says: "this help", on: (e) => e.key === "?" && !e.ctrlKey && !e.metaKey, do: click("help") },
  ];
}

/** @param {Scope} scope */
function flip(scope) {
  const { view } = scope.store.state;
  const other = view === "verify" ? "run" : "verify";
  if (scope.steps[other].total) scope.cursor.show(other);
}

/** True when typing belongs to the element, not to the page. @param {KeyboardEvent} event */
function typing(event) {
  const [target] = event.composedPath();
  if (!(target instanceof HTMLElement)) return false;
  if (target.isContentEditable) return true;
  if (target instanceof HTMLInputElement) return target.type !== "range" && target.type !== "checkbox";
  return target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement;
}

/** Listen, and fill the help. @param {Scope} scope */
export function listen(scope) {
  const table = bindings(scope);
  addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      scope.run();
      return;
    }
    if (event.defaultPrevented || typing(event) || document.querySelector("dialog[open]")) return;
    for (const binding of table) {
      if (!binding.on(event)) continue;
      event.preventDefault();
      binding.do();
      return;
    }
  }, { capture: false });
  const help = document.querySelector("#help-keys");
  const rows = [...table.filter((b) => b.keys), { keys: "Ctrl Enter", says: "run, also from the editor" }];
  if (help)
    fill(help, rows.map((b) => h("tr", null, h("th", { scope: "row" }, b.keys.split(" ").map((key) => [h("kbd", null, key), " "])), h("td", null, b.says))));
}
