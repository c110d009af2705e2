/**
 * Links. The fragment holds what one looks at (step, stage, register, panel); the server holds the program, and beside it
 * all that a link restores of the page. A link may also hold everything in its fragment (core/packed.js).
 */

import { known as knownBreakpoints } from "./breakpoints.js";
import { known as knownLayout } from "./layout.js";
import { known as knownKernels } from "./asked-kernels.js";
import { isPlain, known as knownShape } from "./shape.js";

/** @import { View as Shown } from "../types/messages.js" */
/** @import { State, View } from "./store.js" */

/** @typedef {{step: number | null, packet: number, stage: View | null, reg: string | null, pane: string | null}} Place */

/** Fields of the store that a link restores as they are, where the page has them. @type {("selected" | "layout" | "breakpoints" | "kernels" | "shape")[]} */
const CARRIED = ["selected", "layout", "breakpoints", "kernels", "shape"];

/** Read #step=13&stage=run&packet=2&reg=r3&pane=log. Steps and packets count from 1, as the page shows them. @returns {Place} */
export function readFragment(hash = location.hash) {
  const values = new URLSearchParams(hash.replace(/^#/, ""));
  const step = Number.parseInt(values.get("step") ?? "", 10);
  const stage = values.get("stage");
  return {
    step: Number.isFinite(step) && step > 0 ? step - 1 : null,
    packet: Math.max(0, (Number.parseInt(values.get("packet") ?? "1", 10) || 1) - 1),
    stage: stage === "run" || stage === "verify" ? stage : null,
    reg: /^(\d+:)?(r\d{1,2}|fp-?\d+)$/.test(values.get("reg") ?? "") ? values.get("reg") : null,
    pane: /^[a-z]+$/.test(values.get("pane") ?? "") ? values.get("pane") : null,
  };
}

/** The fragment for what is in view. @param {Pick<State, "step" | "view" | "packetRun" | "reg" | "pane">} state @param {string} [packed] of the program */
export function fragment(state, packed = "") {
  const values = new URLSearchParams({ step: String(state.step + 1), stage: state.view });
  if (state.packetRun) values.set("packet", String(state.packetRun + 1));
  if (state.reg) values.set("reg", state.reg);
  if (state.pane) values.set("pane", state.pane);
  return `#${values}${packed ? `&z=${packed}` : ""}`;
}

/** What a link stores of the page. @param {State} state @returns {Shown} */
export function shown(state) {
  /** @type {Shown} */
  const view = { stage: state.view, step: Math.max(0, state.step), packet: state.packetRun, reg: state.reg, pane: state.pane, dock: state.dock, base: state.base };
  const all = /** @type {Record<string, unknown>} */ (/** @type {unknown} */ (state));
  for (const name of CARRIED) if (all[name] !== undefined && all[name] !== null) Object.assign(view, { [name]: all[name] });
  // As the page has it at first, it need not be said.
  if (view.shape) view.shape = knownShape(view.shape);
  if (isPlain(view.shape)) delete view.shape;
  return view;
}

/** Where a link's stored view points; the fragment, where there is one, says it anew. @param {Shown | null | undefined} view @param {Place} fragment @returns {Place} */
export function placed(view, fragment) {
  if (!view || fragment.step !== null) return fragment;
  const { step = 0, packet = 0, stage = "verify", reg = "", pane = "" } = view;
  return { step, packet, stage, reg: reg || null, pane: pane || null };
}

/** What a link holds of these is anybody's: only what is well-formed is taken. @type {Record<string, (kept: unknown) => unknown>} */
const CHECKED = { breakpoints: knownBreakpoints, layout: knownLayout, kernels: knownKernels, shape: knownShape };

/** What else a stored view puts into the store: only what this page has. @param {Shown | null | undefined} view @param {State} state @returns {Partial<State>} */
export function looks(view, state) {
  if (!view) return {};
  const carried = CARRIED.filter((name) => name in state && view[name] !== undefined).map((name) => [name, CHECKED[name]?.(view[name]) ?? view[name]]);
  return { dock: view.dock ?? true, base: view.base ?? "dec", ...Object.fromEntries(carried) };
}
