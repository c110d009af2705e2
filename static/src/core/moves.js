/**
 * Everything that can be done with a key, one row each: the help, the key handling and the buttons are made from this
 * table (keys.js, panels/scrubber.js). A row with two keys goes forward with the first and back with the second.
 */
import { closable, opened, scaled } from "./layout.js";
import { toggled, lineValue } from "./breakpoints.js";

/** @import { Scope } from "./scope.js" */

/**
 * `keys`: as keys.js spells them; `names`: what a button of each key is called; `says`: what the help says;
 * `do`: gets which of the keys it was; `step`: it moves the cursor, so it is in the menu of moves.
 * @typedef {{id: string, keys: string[], names: string[], says: string, do: (scope: Scope, key: number) => unknown, step?: boolean}} Command
 */

/** @param {number} key */
const direction = (key) => (key ? -1 : 1);
/** @param {string} part */
const click = (part) => () => /** @type {HTMLElement | null} */ (document.querySelector(`[data-part="${part}"]`))?.click();
/** @param {string} prefix */
const ask = (prefix) => () => /** @type {import("../panels/goto.js").Goto | null} */ (document.querySelector("bs-goto"))?.open(prefix);

/** @type {Command[]} */
export const COMMANDS = [
  { id: "play", keys: [" "], names: ["Play or pause"], says: "play from here, or pause", step: true, do: (scope) => scope.player.toggle() },
  { id: "step", keys: ["ArrowRight", "ArrowLeft"], names: ["Next step, into calls", "Previous step"], says: "next step (into calls) and previous step", step: true, do: (scope, key) => scope.cursor.goto(scope.state.step + direction(key)) },
  { id: "over", keys: ["Shift+ArrowRight", "Shift+ArrowLeft"], names: ["Step over", "Step back over"], says: "next and previous step outside of called functions", step: true, do: (scope, key) => scope.search.over(direction(key)) },
  { id: "out", keys: ["o", "O"], names: ["Step out", "Back out"], says: "out of this function or callback: to the first step after it, and to the last one before it", step: true, do: (scope, key) => scope.search.out(direction(key)) },
  { id: "ends", keys: ["End", "Home"], names: ["Last step", "First step"], says: "last and first step", step: true, do: (scope, key) => scope.cursor.goto(key ? 0 : scope.cursor.total - 1) },
  { id: "continue", keys: ["F8", "Shift+F8"], names: ["Continue", "Continue backwards"], says: "on to the next breakpoint, and back to the previous one", step: true, do: (scope, key) => scope.search.on(direction(key)) },
  { id: "line", keys: ["Alt+ArrowRight", "Alt+ArrowLeft"], names: ["Next visit of this C line", "Previous visit of this C line"], says: "next and previous visit of this C line", step: true, do: (scope, key) => scope.search.visitLine(direction(key)) },
  { id: "call", keys: ["c", "C"], names: ["Next call", "Previous call"], says: "next and previous call", step: true, do: (scope, key) => scope.search.call(direction(key)) },
  { id: "fork", keys: ["b", "B"], names: ["Next fork", "Previous fork"], says: "next and previous branch at which the walk forked", step: true, do: (scope, key) => scope.search.mark(direction(key), "fork") },
  { id: "prune", keys: ["p", "P"], names: ["Next prune", "Previous prune"], says: "next and previous prune", step: true, do: (scope, key) => scope.search.mark(direction(key), "prune") },
  { id: "path", keys: ["]", "["], names: ["Next event of a path", "Previous event of a path"], says: "next and previous fork, prune or end of a path", step: true, do: (scope, key) => scope.search.branch(direction(key)) },
  { id: "change", keys: [".", ","], names: ["Next change of the register", "Previous change of the register"], says: "next and previous change of the selected register; with its history open also reads, on this path", step: true, do: (scope, key) => scope.search.change(direction(key)) },
  { id: "writer", keys: ["w"], names: ["Writer of the register"], says: "go to the step that wrote the selected register", step: true, do: (scope) => scope.search.writer() },
  { id: "breakpoint", keys: ["F9", "Shift+F9"], names: ["Breakpoint on this C line", "Breakpoint on this instruction"], says: "set or remove a breakpoint on this C line, and on this instruction", do: (scope, key) => breakpointHere(scope, key) },
  { id: "goto", keys: ["g"], names: ["Go to"], says: "go to a step (12), an instruction (i7) or a line (l30)", do: ask("") },
  { id: "search", keys: ["/"], names: ["Search"], says: "search instructions, source, registers and log", do: ask("/") },
  { id: "value", keys: ["v"], names: ["History of the value"], says: "show how the selected register got its value (Escape closes it)", do: () => document.querySelector("bs-value")?.dispatchEvent(new CustomEvent("toggle-value")) },
  { id: "view", keys: ["m"], names: ["Verifier or run"], says: "switch between the verifier and the run (the machine)", do: (scope) => flip(scope) },
  { id: "base", keys: ["x"], names: ["Number base"], says: "switch between decimal and hexadecimal numbers", do: ({ store }) => store.set({ base: store.state.base === "dec" ? "hex" : "dec" }) },
  { id: "explain", keys: ["i"], names: ["Explain the instruction"], says: "explain the instruction at the cursor", do: () => document.dispatchEvent(new Event("explain")) },
  { id: "editor", keys: ["e"], names: ["Editor"], says: "go to the editor (Escape leaves it)", do: () => document.querySelector("bs-editor")?.dispatchEvent(new CustomEvent("take-focus")) },
  { id: "panels", keys: ["1", "2", "3", "4", "5", "6", "7", "8"], names: ["Panel 1", "Panel 2", "Panel 3", "Panel 4", "Panel 5", "Panel 6", "Panel 7", "Panel 8"], says: "open a panel", do: (scope, key) => openPane(scope, key) },
  { id: "scale", keys: ["+", "-"], names: ["Larger type", "Smaller type"], says: "larger and smaller type, 100 to 200 %", do: ({ store }, key) => store.set({ layout: { ...store.state.layout, scale: scaled(store.state.layout.scale, direction(key)) } }) },
  { id: "close", keys: ["z"], names: ["Close this column or panel"], says: "close the column or panel with the focus; View brings it back", do: (scope) => closeHere(scope) },
  { id: "run", keys: ["Ctrl+Enter"], names: ["Run"], says: "run, also from the editor", do: (scope) => scope.run() },
  { id: "passed", keys: ["d"], names: ["In and out"], says: "what each stage took and returned", do: click("passed") },
  { id: "share", keys: ["s"], names: ["Share"], says: "share", do: click("share") },
  { id: "help", keys: ["?"], names: ["Keyboard shortcuts"], says: "this help", do: click("help") },
];

/** @param {string} id */
export function command(id) {
  const found = COMMANDS.find((each) => each.id === id);
  if (!found) throw new Error(`there is no command ${id}`);
  return found;
}

/** @param {Scope} scope */
function flip(scope) {
  const other = scope.state.view === "verify" ? "run" : "verify";
  if (scope.steps[other].total) scope.cursor.show(other);
}

/** @param {Scope} scope @param {number} key */
function openPane({ store }, key) {
  const dock = /** @type {import("../panels/dock.js").Dock | null} */ (document.querySelector("bs-dock"));
  const pane = dock?.shown()[key];
  if (pane) store.set({ pane: pane.id, dock: true });
}

/** @param {Scope} scope @param {number} key */
function breakpointHere({ cursor, store }, key) {
  const here = cursor.now();
  if (here && (key || here.line)) store.set({ breakpoints: toggled(store.state.breakpoints, key ? "insn" : "line", key ? here.idx : lineValue(Number(here.line), here.file)) });
  else store.set({ found: here ? "This instruction has no C line. Shift+F9 sets a breakpoint on the instruction." : "There is no step yet." });
}

/** @param {Scope} scope */
function closeHere({ store }) {
  const { layout, pane } = store.state;
  const column = document.activeElement?.closest("[data-closes]");
  const name = column instanceof HTMLElement ? column.dataset.closes : document.activeElement?.closest("bs-dock") ? pane : "";
  if (name && closable(layout, name)) store.set({ layout: opened(layout, name, false) });
}
