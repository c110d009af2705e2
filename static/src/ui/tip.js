/**
 * Definitions of the page's terms, shown on pointing at a term and on coming to it by Tab or touch. The texts are those
 * of docs/glossary.md: the server puts its table into the page.
 */
import { h, setAttr, setText } from "./dom.js";

/** @type {Map<string, string>} */
let table = new Map();
const DELAY = 120;

/** Take the glossary: [{names, text}]. */
export function define(entries) {
  table = new Map((entries ?? []).flatMap((entry) => entry.names.map((name) => [name, entry.text])));
}

/** A term of the glossary in a text: reachable by Tab, its definition told to screen readers when it has the focus. */
export function term(name, ...content) {
  return h("dfn", { class: "term", tabindex: "0", data: { term: name } }, content.length ? content : name);
}

/** Show definitions for every element with data-term, now and later. */
export function listen() {
  const tip = h("div", { id: "tip", class: "tip", role: "tooltip", hidden: true });
  document.body.append(tip);
  /** @type {HTMLElement | null} */
  let shown = null;
  let timer = 0;
  const owner = (target) => (target instanceof Element ? /** @type {HTMLElement | null} */ (target.closest("[data-term]")) : null);

  const hide = () => {
    clearTimeout(timer);
    if (shown) setAttr(shown, "aria-describedby", null);
    shown = null;
    tip.hidden = true;
  };
  const show = (element) => {
    clearTimeout(timer);
    const text = table.get(element.dataset.term ?? "");
    if (!text || shown === element) return;
    hide();
    shown = element;
    setText(tip, text);
    tip.hidden = false;
    setAttr(element, "aria-describedby", "tip");
    const at = element.getBoundingClientRect();
    const box = tip.getBoundingClientRect();
    const left = Math.max(8, Math.min(at.left, innerWidth - box.width - 8));
    const below = at.bottom + 6;
    tip.style.left = `${left}px`;
    tip.style.top = `${below + box.height > innerHeight - 4 ? Math.max(4, at.top - box.height - 6) : below}px`;
  };

  document.addEventListener("pointerover", (event) => {
    const element = owner(event.target);
    clearTimeout(timer);
    if (element) timer = window.setTimeout(() => show(element), DELAY);
    // The pointer may go onto the definition, to read or select it.
    else if (shown && shown !== document.activeElement && !tip.contains(/** @type {Node} */ (event.target)))
      timer = window.setTimeout(hide, DELAY);
  });
  document.addEventListener("focusin", (event) => {
    const element = owner(event.target);
    if (element === event.target && element) show(element);
    else hide();
  });
  document.addEventListener("focusout", hide);
  document.addEventListener("scroll", hide, { capture: true, passive: true });
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
