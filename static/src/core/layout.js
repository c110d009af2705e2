/**
 * The layout that a person made: `store.state.layout`. It is plain JSON, for this browser and for links.
 *
 * columns: shares of the width of source, instructions and state, [] for the page's own; dock: height of the panels in
 * pixels at scale 1, 0 for the page's own; closed: columns and panels that are not shown; scale: size of all type.
 */

/** @typedef {{columns: number[], dock: number, closed: string[], scale: number}} Layout */

export const COLUMNS = ["code", "insns", "state"];
/** Sizes of all type. 200 % is for projectors. */
export const SCALES = [1, 1.1, 1.25, 1.5, 1.75, 2];
const KEY = "bpfscope.layout";
const MOST_CLOSED = 40;

/** @returns {Layout} */
export const plain = () => ({ columns: [], dock: 0, closed: [], scale: 1 });

/** A layout from what a link or this browser kept: what is none is left out. @param {unknown} kept @returns {Layout} */
export function known(kept) {
  const { columns, dock, closed, scale } = /** @type {Partial<Layout>} */ (kept && typeof kept === "object" ? kept : {});
  const found = plain();
  if (Array.isArray(columns) && columns.length === COLUMNS.length && columns.every((share) => typeof share === "number" && share > 0 && share < 1)) found.columns = columns;
  if (typeof dock === "number" && dock > 0 && dock < 10000) found.dock = dock;
  if (Array.isArray(closed)) found.closed = [...new Set(closed)].filter((name) => typeof name === "string" && /^[a-z]{1,20}$/.test(name)).slice(0, MOST_CLOSED);
  // One column stays.
  if (COLUMNS.every((name) => found.closed.includes(name))) found.closed = found.closed.filter((name) => !COLUMNS.includes(name));
  if (typeof scale === "number" && scale >= 1 && scale <= 2) found.scale = scale;
  return found;
}

/** What this browser keeps. @returns {Layout} */
export function readLayout() {
  try {
    return known(JSON.parse(localStorage.getItem(KEY) ?? "null"));
  } catch {
    return plain();
  }
}

/** @param {Layout} layout */
export function saveLayout(layout) {
  try {
    localStorage.setItem(KEY, JSON.stringify(layout));
  } catch {
    // It then lasts until the page is left.
  }
}

/** Columns that are shown, in order. @param {Layout} layout */
export const shown = (layout) => COLUMNS.filter((name) => !layout.closed.includes(name));

/** The layout with a column or panel closed, or open again; the last column stays. @param {Layout} layout @param {string} name @param {boolean} open @returns {Layout} */
export function opened(layout, name, open) {
  const closed = layout.closed.filter((each) => each !== name);
  return known({ ...layout, closed: open ? closed : [...closed, name] });
}

/** @param {Layout} layout @param {string} name whether it may be closed */
export const closable = (layout, name) => !COLUMNS.includes(name) || shown(layout).length > 1 || layout.closed.includes(name);

/** The next size of all type, or the one before. @param {number} scale @param {number} direction */
export function scaled(scale, direction) {
  const order = direction > 0 ? SCALES : [...SCALES].reverse();
  return order.find((each) => (each - scale) * direction > 0.001) ?? scale;
}
