/** A polite live region that says what each step did; quiet while a key is held. */
import { Panel } from "../core/panel.js";
import { setText } from "../ui/dom.js";
import { spoken } from "../ui/format.js";
import { summarySpoken } from "../ui/kinds.js";

export class Announcer extends Panel {
  build() {
    this.setAttribute("aria-live", "polite");
    this.className = "visually-hidden";
    this.store.on(["step", "view", "windows"], () => {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.say(), 180);
    });
  }

  say() {
    const here = this.scope.now();
    if (!here || `${here.view}${here.step}` === this.said) return;
    this.said = `${here.view}${here.step}`;
    const changes = [];
    if (here.view === "verify") {
      for (const name of here.wrote)
        changes.push(here.state.has(name) ? `${name} is ${summarySpoken(here.state.get(name))}` : `${name} is gone`);
    } else
      for (const [name, value] of Object.entries(here.raw.regs ?? {})) changes.push(`${name} is ${spoken(value)}`);
    setText(
      this,
      `Step ${here.step + 1}: ${here.insn?.text ?? ""}${here.line ? `, line ${here.line}` : ""}. ${changes.slice(0, 4).join("; ")}`,
    );
  }
}
