/**
 * Explanations shown on pointing, on coming by Tab or touch, and by the key i. Terms of the page are those of
 * docs/glossary.md, which the server puts into the page; the rest is looked up in the reference.
 */
import { fill, h, setAttr } from "./dom.js";
import { reference, whoMayCall } from "./reference.js";

/** @type {Map<string, string>} */
let table = new Map();
const DELAY = 120;
/** Code and log lines are pointed at all the time: an explanation waits until the pointer rests. */
const REST = 450;

/** Take the glossary. @param {{names: string[], text: string}[] | null} entries */
export function define(entries) {
  table = new Map((entries ?? []).flatMap((entry) => entry.names.map((name) => [name, entry.text])));
}

/** A term of the glossary in a text: reachable by Tab, its definition told to screen readers when it has the focus. @param {string} name @param {...import("../types/page.js").Child} content */
export function term(name, ...content) {
  return h("dfn", { class: "term", tabindex: "0", data: { term: name } }, content.length ? content : name);
}

/** An entry of the reference as nodes. @param {import("./reference.js").Entry} entry */
export function entryNodes(entry) {
  return [
    h("b", { class: "tip-title" }, entry.title),
    entry.prototype ? h("code", { class: "tip-prototype" }, entry.prototype) : null,
    h("span", { class: "tip-text" }, entry.text),
    entry.notes?.length ? h("span", { class: "tip-note" }, `It ${entry.notes.join("; ")}.`) : null,
    entry.callers ? h("span", { class: "tip-note" }, whoMayCall(entry)) : null,
  ];
}

/**
 * The text under a point and the offset in it, within one element.
 * @param {HTMLElement} element
 * @param {number} x
 * @param {number} y
 */
function textAt(element, x, y) {
  // Firefox has the standard's function, Chromium and Safari the older one as well.
  const at = /** @type {any} */ (document);
  const place = at.caretPositionFromPoint?.(x, y) ?? at.caretRangeFromPoint?.(x, y);
  const node = place?.offsetNode ?? place?.startContainer;
  if (!node || !element.contains(node)) return null;
  const range = document.createRange();
  range.setStart(element, 0);
  range.setEnd(node, place.offset ?? place.startOffset);
  return { text: element.textContent ?? "", offset: range.toString().length };
}

/**
 * What the reference says of an element that is pointed at: data-hex an instruction, data-log a line of the log.
 * @param {HTMLElement} element
 * @param {{x: number, y: number} | null} point null: the element as a whole
 */
async function explained(element, point) {
  const known = await reference();
  if (!known) return null;
  const at = point && textAt(element, point.x, point.y);
  const word = at && (known.word(at.text, at.offset) ?? (element.dataset.log !== undefined ? known.phrase(at.text, at.offset) : null));
  if (word) return word.entry;
  if (element.dataset.hex === undefined) return null;
  // Of a call, what is called says more than that it is one.
  const called = point ? null : known.word(element.textContent ?? "", (element.textContent ?? "").search(/bpf_/));
  return called?.entry ?? known.instruction(element.dataset.hex);
}

/** Show explanations for every element with data-term, data-hex or data-log, now and later. */
export function listen() {
  const tip = h("div", { id: "tip", class: "tip", role: "tooltip", hidden: true });
  document.body.append(tip);
  /** @type {HTMLElement | null} */
  let shown = null;
  let timer = 0;
  /** @param {EventTarget | null} target @param {string} selector */
  const closest = (target, selector) => (target instanceof Element ? /** @type {HTMLElement | null} */ (target.closest(selector)) : null);
  /** @param {EventTarget | null} target */
  const owner = (target) => closest(target, "[data-term]");
  /** @param {EventTarget | null} target */
  const lookedUp = (target) => closest(target, "[data-hex], [data-log]");

  const hide = () => {
    clearTimeout(timer);
    if (shown) setAttr(shown, "aria-describedby", null);
    shown = null;
    tip.hidden = true;
  };
  /**
   * @param {HTMLElement} element
   * @param {(Node | string | null)[] | string} content
   * @param {{left: number, top: number, bottom: number}} at
   */
  const put = (element, content, at) => {
    hide();
    shown = element;
    fill(tip, content);
    tip.hidden = false;
    setAttr(element, "aria-describedby", "tip");
    const box = tip.getBoundingClientRect();
    const left = Math.max(8, Math.min(at.left, innerWidth - box.width - 8));
    const below = at.bottom + 6;
    tip.style.left = `${left}px`;
    tip.style.top = `${below + box.height > innerHeight - 4 ? Math.max(4, at.top - box.height - 6) : below}px`;
  };
  /** @param {HTMLElement} element */
  const show = (element) => {
    clearTimeout(timer);
    const text = table.get(element.dataset.term ?? "");
    if (text && shown !== element) put(element, text, element.getBoundingClientRect());
  };
  /** @param {HTMLElement} element @param {{x: number, y: number} | null} point */
  const look = async (element, point) => {
    const entry = await explained(element, point);
    if (!entry || !element.isConnected) return;
    const line = element.getBoundingClientRect();
    put(element, entryNodes(entry), point ? { left: point.x, top: line.top, bottom: line.bottom } : line);
  };

  document.addEventListener("pointerover", (event) => {
    const element = owner(event.target);
    clearTimeout(timer);
    if (element) timer = window.setTimeout(() => show(element), DELAY);
    // The pointer may go onto the definition, to read or select it.
    else if (shown && shown !== document.activeElement && !tip.contains(/** @type {Node} */ (event.target)))
      timer = window.setTimeout(hide, DELAY);
  });
  document.addEventListener(
    "pointermove",
    (event) => {
      const element = event.pointerType === "mouse" && event.buttons === 0 ? lookedUp(event.target) : null;
      if (!element) return;
      clearTimeout(timer);
      timer = window.setTimeout(() => void look(element, { x: event.clientX, y: event.clientY }), REST);
    },
    { passive: true },
  );
  document.addEventListener("focusin", (event) => {
    const element = owner(event.target);
    if (element === event.target && element) show(element);
    else hide();
  });
  document.addEventListener("focusout", hide);
  document.addEventListener("scroll", hide, { capture: true, passive: true });
  // The key i: the instruction at the cursor.
  document.addEventListener("explain", () => {
    const element = /** @type {HTMLElement | null} */ (document.querySelector(".insns .vl-row.active [data-hex]"));
    if (element) void look(element, null);
  });
  document.addEventListener(
    "keydown",
    (event) => {
      if (event.key === "Escape" && shown) {
        hide();
        event.stopPropagation();
      }
    },
    { capture: true },
  );
}
