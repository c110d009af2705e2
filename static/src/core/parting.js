/** Two logs of the verifier beside each other: where their walks part, and the first line that differs. */

/** Lines that say where the verifier is: "12: (85) call bpf_loop#181". */
const AT = /^(\d+): \(([0-9a-f]{2})\) /;
// What differs from boot to boot and between releases without a meaning: addresses of the kernel, times, the mark of
// written registers, white space.
const ADDRESS = /\b0xf[0-9a-f]{15}\b/g;
const MEASURED = /^(processed \d+ insns|verification time|stack depth|insns |subprog|$)/;
const TIME = /verification time \d+ usec/;
const WRITTEN = /\b(R\d+|fp-?\d+)_[rwsd]+=/g;

/**
 * `a` and `b`: numbers of the lines where they part, from 0, or the number of lines of a log that ends there.
 * @typedef {{a: number, b: number}} Place
 * @typedef {{walk: (Place & {after: number}) | null, text: Place | null}} Parting `walk`: where the instructions that are
 *   visited differ, after so many equal ones; null: they are the same. `text`: the first step whose line differs, or line after the last step; null: none does
 */

/** A line as it is compared. @param {string} line */
export const plainLine = (line) => line.replace(ADDRESS, "ADDRESS").replace(TIME, "").replace(WRITTEN, "$1=").replace(/\s+/g, " ").trim();

/** Where the instructions of a log stand, and which they are. @param {string[]} lines */
function visits(lines) {
  const out = [];
  for (const [line, text] of lines.entries()) {
    const match = AT.exec(text);
    if (match) out.push({ line, what: `${match[1]} ${match[2]}` });
  }
  return out;
}

/** Numbers of the lines after the last visit but those that count and measure. @param {string[]} lines @param {{line: number}[]} visited */
function ending(lines, visited) {
  const out = [];
  for (let at = (visited.at(-1)?.line ?? -1) + 1; at < lines.length; at++) if (!MEASURED.test(lines[at])) out.push(at);
  return out;
}

/** @param {string} a @param {string} b @returns {Parting} */
export function parting(a, b) {
  const [left, right] = [a, b].map((log) => log.trimEnd().split("\n"));
  const [was, is] = [visits(left), visits(right)];
  const same = first(was, is, (x, y) => x.what === y.what);
  // Kernels write different things before the walk and between its steps: a step's own line is compared, then the end.
  const [told, tells] = [
    [...was.map(({ line }) => line), ...ending(left, was)],
    [...is.map(({ line }) => line), ...ending(right, is)],
  ];
  const text = first(told, tells, (x, y) => plainLine(left[x]) === plainLine(right[y]));
  return {
    walk: same < 0 ? null : { a: was[same]?.line ?? left.length, b: is[same]?.line ?? right.length, after: same },
    text: text < 0 ? null : { a: told[text] ?? left.length, b: tells[text] ?? right.length },
  };
}

/**
 * The first place where two lists differ; -1 if they do not.
 * @template T
 * @param {T[]} a
 * @param {T[]} b
 * @param {(x: T, y: T) => boolean} same
 */
function first(a, b, same) {
  const most = Math.max(a.length, b.length);
  for (let at = 0; at < most; at++) if (at >= a.length || at >= b.length || !same(a[at], b[at])) return at;
  return -1;
}
