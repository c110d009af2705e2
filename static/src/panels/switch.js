/** On a narrow screen: which of the three columns is in view, by buttons or by a swipe over the columns. */
import { Panel } from "../core/panel.js";
import { narrow } from "../core/room.js";
import { scrolls, swiped } from "../core/swipe.js";
import { h, setAttr } from "../ui/dom.js";

const COLUMNS = [["code", "Source"], ["insns", "Instructions"], ["state", "State"]];

export class Switch extends Panel {
  /** @type {(import("../core/swipe.js").Touch & {target: Element | null}) | null} where a finger was put down */
  from = null;

  build() {
    this.setAttribute("role", "radiogroup");
    this.setAttribute("aria-label", "Column in view");
    const buttons = COLUMNS.map(([id, text]) =>
      h("button", { type: "button", role: "radio", data: { column: id }, on: { click: () => this.store.set({ column: id }) } }, text),
    );
    this.append(...buttons);
    this.store.on(["column"], () => {
      const { column } = this.store.state;
      document.body.dataset.column = column;
      for (const button of buttons) setAttr(button, "aria-checked", button.dataset.column === column ? "true" : "false");
    });
    const columns = document.querySelector(".columns");
    columns?.addEventListener("touchstart", (event) => this.down(/** @type {TouchEvent} */ (event)), { passive: true });
    columns?.addEventListener("touchend", (event) => this.up(/** @type {TouchEvent} */ (event), columns), { passive: true });
    columns?.addEventListener("touchcancel", () => (this.from = null), { passive: true });
  }

  /** @param {TouchEvent} event */
  down(event) {
    const [touch] = event.touches;
    // In the editor's shadow root the target is its host: the element is the first of the path.
    const target = /** @type {Element | null} */ (event.composedPath()[0] instanceof Element ? event.composedPath()[0] : null);
    this.from = event.touches.length === 1 ? { x: touch.clientX, y: touch.clientY, at: event.timeStamp, target } : null;
  }

  /** @param {TouchEvent} event @param {Element} columns */
  up(event, columns) {
    const { from } = this;
    this.from = null;
    const touch = event.changedTouches[0];
    if (!from || !touch || event.touches.length || !narrow()) return;
    const direction = swiped(from, { x: touch.clientX, y: touch.clientY, at: event.timeStamp });
    if (!direction || scrolls(from.target, columns, direction)) return;
    const to = COLUMNS.findIndex(([id]) => id === this.store.state.column) + direction;
    if (COLUMNS[to]) this.store.set({ column: COLUMNS[to][0] });
  }
}
