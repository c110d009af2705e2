/** The menu of the view: which columns and panels are shown, and the size of all type. */
import { COLUMNS, SCALES, closable, opened, plain } from "../core/layout.js";
import { Panel } from "../core/panel.js";
import { fill, h } from "../ui/dom.js";
import { PANES } from "./dock.js";

/** @type {Record<string, string>} */
const NAMES = { code: "Source", insns: "Instructions", state: "State" };

export class ViewMenu extends Panel {
  build() {
    this.store.on(["layout"], () => this.paint());
  }

  paint() {
    const { store } = this;
    const { layout } = store.state;
    const held = document.activeElement instanceof HTMLElement && this.contains(document.activeElement) ? document.activeElement.dataset.name : undefined;
    /** @param {string} name @param {string} label */
    const box = (name, label) => {
      const input = h("input", { type: "checkbox", checked: !layout.closed.includes(name), disabled: !closable(layout, name), data: { name } });
      input.addEventListener("change", () => store.set({ layout: opened(store.state.layout, name, input.checked) }));
      return h("label", { class: "option" }, h("span", null, label), input);
    };
    const sizes = h(
      "select",
      { data: { name: "scale" } },
      [...new Set([...SCALES, layout.scale])].sort((a, b) => a - b).map((scale) => h("option", { value: scale, selected: scale === layout.scale }, `${Math.round(scale * 100)} %`)),
    );
    sizes.addEventListener("change", () => store.set({ layout: { ...store.state.layout, scale: Number(sizes.value) } }));
    fill(
      this,
      h("label", { class: "option" }, h("span", null, "Size of all type"), sizes),
      h("fieldset", { class: "choices" }, h("legend", null, "Columns"), COLUMNS.map((name) => box(name, NAMES[name]))),
      h("fieldset", { class: "choices" }, h("legend", null, "Panels"), PANES.map((pane) => box(pane.id, pane.label))),
      h("button", { type: "button", class: "menu-item", data: { name: "restore" }, on: { click: () => store.set({ layout: plain() }) } }, "Restore the default view"),
    );
    if (held) /** @type {HTMLElement | null} */ (this.querySelector(`[data-name="${held}"]`))?.focus();
  }
}
