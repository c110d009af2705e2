/** Keys: what an event's key is called, which command it belongs to (moves.js), and the help made from the same table. */
import { fill, h } from "../ui/dom.js";
import { COMMANDS } from "./moves.js";

/** @import { Command } from "./moves.js" */
/** @import { Scope } from "./scope.js" */

/** @typedef {Pick<KeyboardEvent, "key" | "ctrlKey" | "metaKey" | "altKey" | "shiftKey"> & {getModifierState?: (name: string) => boolean}} Pressed */

/** How keys are written for people. @type {Record<string, string>} */
const WRITTEN = { ArrowRight: "→", ArrowLeft: "←", " ": "Space" };

/**
 * Name of a key with its modifiers: "Shift+F8", "Alt+ArrowLeft", "O". What a key types says whether Shift was held.
 * @param {Pressed} event
 */
export function keyName(event) {
  // AltGr types characters, on some systems as Ctrl and Alt together.
  const typed = event.key.length === 1 && event.getModifierState?.("AltGraph");
  const modifiers = [
    !typed && (event.ctrlKey || event.metaKey) ? "Ctrl+" : "",
    !typed && event.altKey ? "Alt+" : "",
    event.shiftKey && (event.key.length > 1 || event.key === " ") ? "Shift+" : "",
  ];
  return modifiers.join("") + event.key;
}

/** Which command a key belongs to, and which of its keys it is. @type {Map<string, {command: Command, key: number}>} */
export const BY_KEY = new Map(COMMANDS.flatMap((command) => command.keys.map((name, key) => /** @type {const} */ ([name, { command, key }]))));

/** A key as people read it: "Shift →". @param {string} name */
export const written = (name) => (name === "+" ? name : name.split(/\+(?=.)/).map((part) => WRITTEN[part] ?? part).join(" "));

/** Keys that work while something is written. */
const EVERYWHERE = ["Ctrl+Enter", "F8", "Shift+F8"];
/** What a key does by itself on some elements. @type {Record<string, string>} */
const OWN = { " ": "a, button, input, select, summary, textarea, [role=tab], [role=radio], [role=separator]" };

/** True when typing belongs to the element, not to the page. @param {KeyboardEvent} event */
function typing(event) {
  const [target] = event.composedPath();
  if (!(target instanceof HTMLElement)) return false;
  if (target.isContentEditable) return true;
  if (target instanceof HTMLInputElement) return target.type !== "range" && target.type !== "checkbox";
  return target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement;
}

/** @param {KeyboardEvent} event @param {string} name */
function owned(event, name) {
  const [target] = event.composedPath();
  return name in OWN && target instanceof Element && target.closest(OWN[name]) !== null;
}

/** Listen, and fill the help. @param {Scope} scope */
export function listen(scope) {
  addEventListener("keydown", (event) => {
    const name = keyName(event);
    const found = BY_KEY.get(name);
    if (!found || event.defaultPrevented || document.querySelector("dialog[open]")) return;
    if (!EVERYWHERE.includes(name) && (typing(event) || owned(event, name))) return;
    event.preventDefault();
    void found.command.do(scope, found.key);
  });
  const help = document.querySelector("#help-keys");
  if (help) fill(help, COMMANDS.map((command) => h("tr", null, h("th", { scope: "row" }, keysOf(command)), h("td", null, command.says))));
}

/** The keys of a command, as elements. @param {Command} command */
export function keysOf({ keys }) {
  const shown = keys.length > 2 ? [`${keys[0]}–${keys[keys.length - 1]}`] : keys.map(written);
  return shown.map((key) => [h("kbd", null, key), " "]);
}
