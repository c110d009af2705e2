/** The options of a request: what is usual, and which of those that a file or this browser kept there are here. */

/** @import { Options } from "../types/messages.js" */

/** Options that need not be said. @type {Required<Options>} */
export const USUAL = { program: "", opt: "O2", mcpu: "v3", fix_includes: false, prog_type: "xdp", verify: true, unprivileged: false, engine: "jit" };

export const OPTS = ["O0", "O1", "O2"];
export const MCPUS = ["v1", "v2", "v3", "v4"];
/** @type {Record<string, string[]>} */
const WORDS = { opt: OPTS, mcpu: MCPUS, engine: ["jit", "interpreter"] };

/**
 * Those of the options that there are, with a value of their kind: the server refuses a request that has others, and the
 * person could not remove them.
 * @param {unknown} options
 * @returns {Partial<Options>}
 */
export function known(options) {
  if (typeof options !== "object" || options === null) return {};
  const given = Object.entries(options).filter(([name, value]) => Object.hasOwn(USUAL, name) && typeof value === typeof USUAL[/** @type {keyof Options} */ (name)]);
  return Object.fromEntries(given.filter(([name, value]) => !Object.hasOwn(WORDS, name) || WORDS[name].includes(value)));
}
