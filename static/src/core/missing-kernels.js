/** What a server without real kernels says instead of offering them. */

/** @import { Scope } from "./scope.js" */

/**
 * What is missing and what the operator can do, "" if nothing is.
 * @param {Scope} scope
 * @param {{missing: string}} [answer] to a question to real kernels, which knows better than the page did when it was made
 */
export function missingKernels({ config }, answer) {
  const missing = answer ? answer.missing : config.kernels_missing;
  return missing ? `${missing} The operator's guide is docs/kernels.md.` : "";
}
