/**
 * The only place that makes elements. Whatever a user, a compiler or a program said becomes a text node here,
 * with control and direction-changing characters spelt out; markup is never parsed from text.
 */

/** @import { Child } from "../types/page.js" */

/** @typedef {{[E in keyof HTMLElementEventMap]?: (event: HTMLElementEventMap[E]) => unknown}} Handlers */

/** @typedef {{class?: string, on?: Handlers, data?: Record<string, string | number>, [attribute: string]: unknown}} Props */

// C0 (but tab and newline), DEL, C1, soft hyphen, zero-width and bidirectional controls, separators, BOM, specials.
const UNSAFE =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffc]/g;

/** Text with invisible and direction-changing characters spelt as escapes. @param {unknown} text */
export function visible(text) {
  return String(text).replace(UNSAFE, (c) => {
    const code = c.charCodeAt(0);
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u${code.toString(16).padStart(4, "0")}`;
  });
}

/**
 * Make an element. `props`: `class`, `on: {event: handler}`, `data: {name: value}`, booleans and attributes by name;
 * null and false are left out. Children: nodes, text (made visible), arrays, null.
 * @template {string} T
 * @param {T} tag
 * @param {Props | null} [props]
 * @param {...Child} children
 * @returns {T extends keyof HTMLElementTagNameMap ? HTMLElementTagNameMap[T] : HTMLElement}
 */
export function h(tag, props, ...children) {
  const element = /** @type {any} */ (document.createElement(tag));
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on") for (const [event, handler] of Object.entries(value)) element.addEventListener(event, handler);
    else if (name === "data") Object.assign(element.dataset, value);
    else if (name === "class") element.className = value;
    else if (name === "value" || name === "checked" || name === "hidden" || name === "disabled") element[name] = value;
    else if (name === "style" || name.startsWith("on")) throw new Error(`${name} is not allowed here`);
    else element.setAttribute(name, value === true ? "" : visible(value));
  }
  append(element, children);
  return element;
}

/** What was chosen or written in a field. @param {Event} event of the field */
export const fieldValue = (event) => /** @type {HTMLInputElement | HTMLSelectElement} */ (event.target).value;

/**
 * Append nodes, text and arrays of them.
 * @param {ParentNode} element
 * @param {Child[]} children
 */
export function append(element, children) {
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    if (Array.isArray(child)) append(element, child);
    else element.append(child instanceof Node ? child : visible(child));
  }
}

/**
 * Replace all children.
 * @param {Element} element
 * @param {...Child} children
 */
export function fill(element, ...children) {
  element.textContent = "";
  append(element, children);
}

/**
 * Set text only when it differs: an unchanged node costs no layout.
 * @param {Element} element
 * @param {unknown} text
 */
export function setText(element, text) {
  const shown = visible(text);
  if (element.textContent !== shown) element.textContent = shown;
}

/**
 * Set or remove an attribute only when it differs.
 * @param {Element} element
 * @param {string} name
 * @param {unknown} value
 */
export function setAttr(element, name, value) {
  if (value === null || value === undefined || value === false) {
    if (element.hasAttribute(name)) element.removeAttribute(name);
  } else {
    const text = value === true ? "" : String(value);
    if (element.getAttribute(name) !== text) element.setAttribute(name, text);
  }
}

const SVG = "http://www.w3.org/2000/svg";

/**
 * Make an SVG element with attributes.
 * @template {keyof SVGElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, any>} [attributes]
 * @param {...Node} children
 * @returns {SVGElementTagNameMap[T]}
 */
export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  for (const child of children) element.append(child);
  return element;
}

/** The small picture of a register kind (symbols are in the page's sprite). @param {string} kind */
export function glyph(kind, dashed = false) {
  return svg(
    "svg",
    { class: `glyph kind-${kind}${dashed ? " maybe-null" : ""}`, "aria-hidden": "true", viewBox: "0 0 16 16" },
    svg("use", { href: `#glyph-${kind}` }),
  );
}

/** True when the person asked for less motion. */
export const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
