/**
 * Room for the page: larger type leaves less of it. The style sheets are written with media queries in pixels;
 * static/build.mjs turns each into a word on the root element, which is set here: before the first paint (theme.js),
 * and whenever the window or the size of the type changes.
 */

/** @typedef {{width: number, height: number}} Room in pixels at scale 1 */
/** @typedef {Partial<Record<"max-width" | "min-width" | "max-height" | "min-height", number>>} Query */

/** The least width that larger type leaves. */
const LEAST = 320;

/** Whether a query holds. @param {Query} query @param {Room} room */
export const holds = (query, { width, height }) =>
  width <= (query["max-width"] ?? Infinity) && width >= (query["min-width"] ?? 0) && height <= (query["max-height"] ?? Infinity) && height >= (query["min-height"] ?? 0);

/** The scale that fits into a window, and the room it leaves. @param {number} wanted @param {Room} window */
export function fitted(wanted, window) {
  const scale = Math.max(1, Math.min(wanted, window.width / LEAST));
  return { scale, room: { width: window.width / scale, height: window.height / scale } };
}

const fits = (/** @type {number} */ wanted) => fitted(wanted, { width: innerWidth, height: innerHeight });

/** Arrange the page for a size of type. @param {number} wanted @param {Record<string, Query>} queries by word */
export function arrange(wanted, queries) {
  const root = document.documentElement;
  const { scale, room } = fits(wanted);
  root.style.setProperty("--scale", String(scale));
  root.dataset.room = Object.keys(queries).filter((word) => holds(queries[word], room)).join(" ");
  document.dispatchEvent(new Event("arranged"));
}

/** The scale in use. */
export const scaleNow = () => Number(document.documentElement.style.getPropertyValue("--scale")) || 1;

/** Whether the columns stand one at a time. */
export const narrow = () => innerWidth / scaleNow() < 900;
