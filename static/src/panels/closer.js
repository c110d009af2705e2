/** A button that closes a column; the view's menu opens it again. */
import { closable, opened } from "../core/layout.js";
import { h } from "../ui/dom.js";

/** @param {import("../core/store.js").Store} store @param {string} name of the column @param {string} label */
export function closer(store, name, label) {
  const click = () => {
    store.set({ layout: opened(store.state.layout, name, false) });
    /** @type {HTMLElement | null} */ (document.querySelector(".menu-view summary"))?.focus();
  };
  const button = h("button", { type: "button", class: "icon close-column", "aria-label": `Close ${label}`, title: `Close ${label} (z); View brings it back`, on: { click } }, "✕");
  store.on(["layout"], () => {
    button.disabled = !closable(store.state.layout, name);
  });
  return button;
}
