/** A polite live region that says what each step did; quiet while a key is held and while steps are played. */
import { lineName } from "../core/files.js";
import { Panel } from "../core/panel.js";
import { setText } from "../ui/dom.js";
import { spoken } from "../ui/format.js";
import { summarySpoken } from "../ui/kinds.js";

export class Announcer extends Panel {
  /** @type {number | undefined} */
  timer;
  /** @type {string | undefined} */
  said;

  build() {
    this.setAttribute("aria-live", "polite");
    this.className = "visually-hidden";
    this.store.on(["step", "view", "windows", "playing"], () => {
      clearTimeout(this.timer);
      // While steps are played their words would run behind; the last one is said.
      if (!this.store.state.playing) this.timer = setTimeout(() => this.say(), 180);
    });
  }

  say() {
    const here = this.scope.cursor.now();
    if (!here || `${here.view}${here.step}` === this.said) return;
    this.said = `${here.view}${here.step}`;
    const changes = [];
    if (here.view === "verify") {
      for (const name of here.wrote)
        changes.push(here.state.has(name) ? `${name} is ${summarySpoken(here.state.get(name))}` : `${name} has no value any more`);
    } else
      for (const [name, value] of Object.entries(here.raw.regs ?? {})) changes.push(`${name} is ${spoken(value)}`);
    if (here.view === "verify") {
      const { reasons } = this.store.state;
      const own = (reasons.prunings.get(here.step) ?? []).find((each) => each.path === here.raw.path);
      if (own) changes.push(`the path ends here: covered by the state before step ${own.checkpoint + 1}`);
      const marks = reasons.marks.get(here.step);
      if (marks) changes.push(`${marks[0].names.join(" and ")} had to be precise`);
    }
    setText(
      this,
      `Step ${here.step + 1}: ${here.insn?.text ?? ""}${here.line ? `, ${lineName(here.line, here.file)}` : ""}. ${changes.slice(0, 6).join("; ")}`,
    );
  }
}
