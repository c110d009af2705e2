/** What a person chose on the page and finds again after a reload: number base, column in view, speed, folded panels. */
import { SPEEDS } from "./player.js";

/** @import { State, Store } from "./store.js" */

/** @typedef {Pick<State, "base" | "column" | "speed" | "dock">} Choices */

const KEY = "bpfscope.choices";
/** @type {{[name in keyof Choices]: {first: Choices[name], good: (value: unknown) => boolean}}} */
export const CHOICES = {
  base: { first: "dec", good: (value) => value === "dec" || value === "hex" },
  column: { first: "insns", good: (value) => value === "code" || value === "insns" || value === "state" },
  speed: { first: 2, good: (value) => SPEEDS.includes(Number(value)) },
  dock: { first: true, good: (value) => typeof value === "boolean" },
};
const NAMES = /** @type {(keyof Choices)[]} */ (Object.keys(CHOICES));

/** What this browser keeps, or what the page begins with. @returns {Choices} */
export function choices() {
  /** @type {Record<string, unknown>} */
  let kept = {};
  try {
    kept = JSON.parse(localStorage.getItem(KEY) ?? "{}") ?? {};
  } catch {
    // Nothing is kept, or not by us.
  }
  const found = NAMES.map((name) => [name, CHOICES[name].good(kept[name]) ? kept[name] : CHOICES[name].first]);
  return /** @type {Choices} */ (Object.fromEntries(found));
}

/** Keep what is chosen from now on. @param {Store} store */
export function keepChoices(store) {
  let first = true;
  store.on(NAMES, () => {
    if (first) {
      first = false;
      return;
    }
    try {
      localStorage.setItem(KEY, JSON.stringify(Object.fromEntries(NAMES.map((name) => [name, store.state[name]]))));
    } catch {
      // It then lasts until the page is left.
    }
  });
}
