/** Rows of the state column for a run: what each register holds, and beside it what the verifier knew. */
import { inFrame } from "../core/cursor.js";
import { h, setAttr, setText } from "../ui/dom.js";
import { bestRange, big, concrete, spell } from "../ui/format.js";
import { kindOf, summary } from "../ui/kinds.js";
import { REGS, SPARE, X86 } from "./state-names.js";

export class MachineRows {
  caption = "Registers as the machine holds them";

  /** @param {import("./state.js").State} panel */
  constructor(panel) {
    this.panel = panel;
    this.store = panel.store;
    this.cursor = panel.scope.cursor;
  }

  headings() {
    return ["BPF", "x86", "Value", "Verifier knew"];
  }

  /** A row and the parts of it that change: for a BPF register, an x86 one ("x:rsp") or memory ("@0x10"). */
  make(name) {
    const memory = name.startsWith("@");
    const head = X86[name] ? this.panel.head(name, name) : { button: h("span", { class: "plain-name" }), cell: h("th", { scope: "row" }) };
    if (!X86[name]) head.cell.append(head.button);
    if (!X86[name] && !memory) setText(head.button, `x86 ${name.slice(2)}`);
    const native = h("span", { class: "native" }, X86[name] ?? "");
    const text = h("span", { class: "holds" });
    const was = h("span", { class: "was" });
    const ruler = h("span", { class: "ruler", hidden: true }, h("i", { class: "tick" }));
    const knew = h("span", { class: "knew" });
    const element = h(
      "tr",
      X86[name] ? { data: { name } } : null,
      head.cell,
      h("td", { class: "native-cell" }, native),
      h("td", { class: "what" }, h("div", { class: "what-line" }, text, was)),
      h("td", { class: "knew-cell" }, knew, ruler),
    );
    return { element, head, native, text, was, ruler, knew };
  }

  paint(here) {
    const spare = Object.keys(here.x).length > 0 ? SPARE : [];
    const memory = [...here.mem.values()].sort((a, b) => (big(a.addr) < big(b.addr) ? -1 : 1));
    this.panel.names([...REGS, ...memory.map((m) => `@${m.addr}`), ...spare]);
    const pair = this.cursor.abstract(here.step);
    for (const name of [...REGS, ...spare]) this.register(name, this.panel.rows.get(name), here, pair);
    for (const m of memory) this.memory(this.panel.rows.get(`@${m.addr}`), m, here);
    return pair;
  }

  register(name, row, here, pair) {
    const { base, reg: selected } = this.store.state;
    const plain = name in X86;
    const key = plain ? name : name.slice(2);
    const value = (plain ? here.regs : here.x)[key];
    const old = (plain ? here.before.regs : here.before.x)[key];
    const { wrote, moved } = this.changed(here, pair, { name, key, plain, value, old });
    setText(row.text, value === undefined ? "·" : concrete(value, base));
    setAttr(row.element, "title", value === undefined ? null : `${value}`);
    setText(row.was, moved && old !== undefined ? `was ${concrete(old, base)}` : "");
    this.knew(row, plain && pair && !pair.outside.has(name) ? (pair.state.get(inFrame(pair.frame, name)) ?? null) : undefined, value);
    const marks = { wrote, changed: moved, spare: !plain, selected: selected === name };
    row.element.className = Object.keys(marks).filter((mark) => marks[mark]).join(" ");
    if (plain) setAttr(row.head.button, "aria-pressed", selected === name ? "true" : "false");
  }

  /** The first step tells every register; what it changed is what the walk says the instruction writes. */
  changed(here, pair, { name, key, plain, value, old }) {
    if (Object.keys(here.before.regs).length === 0) {
      const first = pair?.wrote.has(name) ?? false;
      return { wrote: first, moved: first };
    }
    return { wrote: key in ((plain ? here.raw.regs : here.raw.x) ?? {}), moved: value !== old };
  }

  /** What the verifier knew of a register: null for nothing, undefined where it is not told. */
  knew(row, reg, value) {
    setText(row.knew, reg === undefined ? "" : reg ? summary(reg, this.store.state.base) : "·");
    setAttr(row.knew, "title", reg?.t ?? null);
    row.element.dataset.kind = reg ? kindOf(reg) : reg === null ? "none" : "";
    rule(row.ruler, reg, value);
  }

  memory(row, m, here) {
    const old = here.before.mem.get(m.addr);
    const now = m.step === here.step;
    row.element.dataset.kind = "memory";
    setText(row.head.button, m.name || "memory");
    setText(row.text, spell(m.hex));
    setText(row.was, now && old && old.hex !== m.hex ? `was ${spell(old.hex)}` : "");
    setText(row.native, "");
    setText(row.knew, m.addr);
    row.element.className = `memory ${now ? "wrote changed" : ""}`;
  }
}

/** A thin bar for the range with a tick where the value is. */
function rule(ruler, reg, value) {
  const r = reg?.k === "number" && reg.s ? bestRange(reg.s) : null;
  const shown = r && value !== undefined && r.min !== r.max;
  ruler.hidden = !shown;
  if (!shown) return;
  const v = r.signed ? BigInt.asIntN(64, big(value)) : BigInt.asUintN(64, big(value));
  const part = Number(((v - r.min) * 1000n) / (r.max - r.min)) / 10;
  ruler.firstElementChild.style.left = `${Math.max(0, Math.min(100, part))}%`;
}
