/** What someone types to go somewhere: a place by its number, or text to look for in what the page holds. */

/**
 * "12" a step, "i7" an instruction, "l30" a line; null for anything else.
 * @param {string} text
 * @returns {{kind: "step" | "insn" | "line", n: number} | null} a step counts from 0, instructions and lines as shown
 */
export function place(text) {
  const found = /^([il]?)\s*(\d+)$/i.exec(text.trim());
  if (!found) return null;
  const n = Number(found[2]);
  const letter = found[1].toLowerCase();
  return letter === "i" ? { kind: "insn", n } : letter === "l" ? { kind: "line", n } : { kind: "step", n: n - 1 };
}

/**
 * Where a text occurs, whatever its case: in instructions, the source, registers and stack slots at the cursor, and then
 * in the verifier's log.
 * @param {Pick<import("./store.js").State, "code" | "log" | "source" | "kind"> & {files?: import("./files.js").Files}} state
 * @param {string} text
 * @param {number} most hits
 * @param {[string, string][]} values name and text of what registers and stack slots hold
 * @returns {{where: string, text: string, kind: "step" | "insn" | "line" | "value", n: number, name?: string, file?: string}[]} `n` is -1 for a line of the log
 *   that belongs to no step
 */
export function occurrences({ code, log, source, files = {}, kind }, text, most, values = []) {
  const needle = text.toLowerCase();
  /** @type {ReturnType<typeof occurrences>} */
  const hits = [];
  /** What is not here yet is undefined, or has no text: it is found once it came (see Goto). @param {string | undefined} line */
  const has = (line) => line !== undefined && hits.length < most && line.toLowerCase().includes(needle);
  for (const { idx, text: insn } of code.insns) if (has(insn)) hits.push({ where: `insn ${idx}`, text: insn, kind: "insn", n: idx });
  const lines = kind === "elf" ? [] : source.split("\n");
  for (const [i, line] of lines.entries()) if (has(line)) hits.push({ where: `line ${i + 1}`, text: line, kind: "line", n: i + 1 });
  for (const [file, own] of Object.entries(files))
    for (const [i, line] of own.split("\n").entries()) if (has(line)) hits.push({ where: `${file}:${i + 1}`, text: line, kind: "line", n: i + 1, file });
  for (const [name, held] of values) if (has(`${name} ${held}`)) hits.push({ where: name, text: held, kind: "value", n: -1, name });
  for (const [i, line] of log.lines.entries()) {
    if (hits.length >= most) break;
    if (line !== undefined && has(line)) hits.push({ where: `log ${i + 1}`, text: line, kind: "step", n: log.stepAt(i) });
  }
  return hits;
}
