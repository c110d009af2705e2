/** Links: the fragment holds what one looks at (step, stage, register, panel); the server holds the program. */

/** @import { State, View } from "./store.js" */

/** @typedef {{step: number | null, packet: number, stage: View | null, reg: string | null, pane: string | null}} Place */

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

/** The fragment for what is in view. @param {Pick<State, "step" | "view" | "packetRun" | "reg" | "pane">} state */
export function fragment(state) {
  const values = new URLSearchParams({ step: String(state.step + 1), stage: state.view });
  if (state.packetRun) values.set("packet", String(state.packetRun + 1));
  if (state.reg) values.set("reg", state.reg);
  if (state.pane) values.set("pane", state.pane);
  return `#${values}`;
}
