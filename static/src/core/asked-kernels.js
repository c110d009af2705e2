/**
 * What real kernels were asked about the program, so that a link can ask only for the stored answers: nothing runs when
 * it is opened. It is plain JSON.
 */

/** @import { AskedKernels } from "../types/messages.js" */

const SERIES = /^[0-9.]{0,16}$/;
/** @type {Record<string, string[]>} */
const WORDS = { mcpus: ["v1", "v2", "v3", "v4"], opts: ["O0", "O1", "O2"], workload: ["shell", "files", "network", "scheduler"] };
const MOST = 16;
const GIVEN = 64;

/** What is changed before a run, as far as it is well-formed. @param {unknown} kept @returns {{setup?: import("../types/messages.js").SetupGiven}} */
function setup(kept) {
  if (!kept || typeof kept !== "object") return {};
  const { values, sizes, entries, targets } = /** @type {Record<string, any>} */ (kept);
  /** @template T @param {any} object @param {(value: unknown) => value is T} fits @returns {Record<string, T>} */
  const pairs = (object, fits) => (object && typeof object === "object" ? Object.fromEntries(Object.entries(object).filter((/** @type {[string, any]} */ [, value]) => fits(value)).slice(0, GIVEN)) : {});
  const text = (/** @type {unknown} */ value) => typeof value === "string" && value.length <= 1000;
  const isText = /** @type {(value: unknown) => value is string} */ (text);
  const isSize = /** @type {(value: unknown) => value is number} */ ((/** @type {any} */ value) => Number.isInteger(value) && value >= 1 && value <= 1 << 24);
  const found = {
    values: pairs(values, isText),
    sizes: pairs(sizes, isSize),
    entries: (Array.isArray(entries) ? entries : []).filter((each) => each && text(each.map) && text(each.key) && text(each.value)).slice(0, GIVEN).map(({ map, key, value }) => ({ map, key, value })),
    targets: pairs(targets, isText),
  };
  return Object.values(found).some((each) => Object.keys(each).length) ? { setup: found } : {};
}

/** Of what a link holds, what is well-formed; null if nothing is. @param {unknown} kept @returns {AskedKernels | null} */
export function known(kept) {
  if (!kept || typeof kept !== "object") return null;
  const { matrix, real } = /** @type {Record<string, any>} */ (kept);
  /** @type {AskedKernels} */
  const found = {};
  /** @param {unknown} list @param {(text: string) => boolean} fits */
  const texts = (list, fits) => (Array.isArray(list) ? list.filter((each) => typeof each === "string" && fits(each)).slice(0, MOST) : []);
  const series = (/** @type {string} */ text) => SERIES.test(text);
  if (matrix && typeof matrix === "object")
    found.matrix = {
      kernels: texts(matrix.kernels, series),
      clangs: texts(matrix.clangs, series),
      mcpus: /** @type {any} */ (texts(matrix.mcpus, (text) => WORDS.mcpus.includes(text))),
      opts: /** @type {any} */ (texts(matrix.opts, (text) => WORDS.opts.includes(text))),
    };
  if (real && typeof real === "object")
    found.real = {
      kernel: typeof real.kernel === "string" && SERIES.test(real.kernel) ? real.kernel : "",
      workload: WORDS.workload.includes(real.workload) ? real.workload : "shell",
      shell: typeof real.shell === "string" ? real.shell.slice(0, 1000) : "",
      seconds: Number.isInteger(real.seconds) && real.seconds >= 1 && real.seconds <= 30 ? real.seconds : 5,
      ...setup(real.setup),
    };
  return found.matrix || found.real ? found : null;
}
