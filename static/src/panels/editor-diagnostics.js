/** What clang and the loader complain about, as CodeMirror shows it: an underline and a mark beside the line. */
import { visible } from "../ui/dom.js";

/** @import { Diagnostic as Shown } from "@codemirror/lint" */
/** @import { Stages } from "../core/store.js" */
/** @import { Diagnostic } from "../types/messages.js" */

/** @param {string} severity @returns {"error" | "warning" | "info"} */
const tone = (severity) => (/error|fatal/.test(severity) ? "error" : /warn/.test(severity) ? "warning" : "info");

/**
 * @param {Stages} stages
 * @param {import("./editor-marks.js").PlaceOf} place where a line of the run is in the text
 * @param {number} length of the text
 * @returns {Shown[]}
 */
export function diagnosticsOf({ compile, load }, place, length) {
  /** @type {Diagnostic[]} */
  const said = [...(compile?.diagnostics ?? [])];
  if (!said.length && load?.status === "failed") said.push(...(load.diagnostics ?? []));
  return said.flatMap(({ line: number, column, end_column, severity, message, file }) => {
    const line = place(number, file);
    if (!line) return [];
    const from = Math.min(line.to, line.from + Math.max(0, (column ?? 1) - 1));
    const to = Math.max(Math.min(line.to, end_column ? line.from + end_column - 1 : line.to), from);
    return [{ from, to: Math.min(length, to), severity: tone(severity), message: visible(message) }];
  });
}
