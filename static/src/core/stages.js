/** The stages of a run in order, and which of their states are final. */

export const STAGES = ["compile", "load", "verify", "jit", "run"];

const FINAL = new Set(["done", "failed", "skipped"]);

/** @param {import("./store.js").Stage | undefined} message */
export const isFinal = (message) => message !== undefined && FINAL.has(message.status);
