/** The stages of a run in order, and which of their states are final. */

/** @import { Stage, StageName } from "./store.js" */

/** @type {StageName[]} */
export const STAGES = ["compile", "load", "verify", "jit", "run"];

const FINAL = new Set(["done", "failed", "skipped"]);

/** @param {Pick<Stage, "status"> | undefined} message */
export const isFinal = (message) => message !== undefined && FINAL.has(message.status);
