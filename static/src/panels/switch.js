/** On a narrow screen: which of the three columns is in view. */
import { Panel } from "../core/panel.js";
import { h, setAttr } from "../ui/dom.js";

const COLUMNS = [["code", "Source"], ["insns", "Instructions"], ["state", "State"]];

export class Switch extends Panel {
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
  }
}
