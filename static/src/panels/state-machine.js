/** Rows of the state column for a run: what each register holds, and beside it what the verifier knew. */
import { inFrame } from "../core/cursor.js";
import { h, setAttr, setText } from "../ui/dom.js";
import { bestRange, big, concrete, count, spell } from "../ui/format.js";
import { kindOf, summary } from "../ui/kinds.js";
import { REGS, SPARE, X86 } from "./state-names.js";
import { Rows } from "./state-rows.js";

/** @import { Abstract, RunHere } from "../core/cursor.js" */
/** @import { MemoryWrite, Reg } from "../types/messages.js" */

/** @typedef {ReturnType<typeof makeRow>} Row */

/**
 * A row and the parts of it that change: for a BPF register, an x86 one ("x:rsp") or memory ("@0x10").
 * @param {string} name
 * @param {{button: HTMLElement, cell: HTMLElement}} head its first cell
 */
function makeRow(name, head) {
  const native = h("span", { class: "native" }, X86[name] ?? "");
  const text = h("span", { class: "holds" });
  const was = h("span", { class: "was" });
  const tick = h("i", { class: "tick" });
  const ruler = h("span", { class: "ruler", hidden: true }, tick);
  const knew = h("span", { class: "knew" });
  const wrong = h("strong", { class: "wrong-mark", hidden: true }, "outside what the verifier proved");
  const memory = name.startsWith("@");
  head.cell.classList.toggle("memory-name", memory);
  if (memory) head.cell.setAttribute("colspan", "2");
  const element = h(
    "tr",
    X86[name] || memory ? { data: { name } } : null,
    head.cell,
    memory ? null : h("td", { class: "native-cell" }, native),
    h("td", { class: "what" }, h("div", { class: "what-line" }, text, was)),
    h("td", { class: "knew-cell" }, knew, ruler, wrong),
  );
  return { element, head, native, text, was, ruler, tick, knew, wrong };
}

/** @extends {Rows<Row>} */
export class MachineRows extends Rows {
  caption = "Registers as the machine holds them";

  /** @param {import("./state.js").State} panel */
  constructor(panel) {
    super(panel.body);
    this.panel = panel;
    this.store = panel.store;
    this.cursor = panel.scope.cursor;
  }

  headings() {
    return ["BPF", "x86", "Value", "Verifier knew"];
  }

  /** @param {string} name @override */
  make(name) {
    if (X86[name]) return makeRow(name, this.panel.head(name, name));
    if (name.startsWith("@")) return makeRow(name, this.panel.head(name, ""));
    const button = h("span", { class: "plain-name" }, `x86 ${name.slice(2)}`);
    return makeRow(name, { button, cell: h("th", { scope: "row" }, button) });
  }

  /** @param {RunHere} here */
  paint(here) {
    const spare = Object.keys(here.x).length > 0 ? SPARE : [];
    const memory = [...here.mem.values()].sort((a, b) => (big(a.addr) < big(b.addr) ? -1 : 1));
    this.names([...REGS, ...memory.map((m) => `@${m.addr}`), ...spare]);
    const pair = this.cursor.abstract(here.step);
    for (const name of [...REGS, ...spare]) this.register(name, this.row(name), here, pair);
    for (const m of memory) this.memory(this.row(`@${m.addr}`), m, here);
    return pair;
  }

  /** @param {string} name @param {Row} row @param {RunHere} here @param {Abstract | null} pair */
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
    const wrong = Boolean(plain && pair?.wrong && pair.outside.has(name));
    this.knew(row, plain && pair && (wrong || !pair.outside.has(name)) ? (pair.state.get(inFrame(pair.frame, name)) ?? null) : undefined, value);
    /** @type {Record<string, boolean>} */
    const marks = { wrote, changed: moved, spare: !plain, selected: selected === name, wrong };
    row.wrong.hidden = !wrong;
    row.element.className = Object.keys(marks).filter((mark) => marks[mark]).join(" ");
    if (plain) setAttr(row.head.button, "aria-pressed", selected === name ? "true" : "false");
  }

  /**
   * The first step tells every register; what it changed is what the walk says the instruction writes.
   * @param {RunHere} here
   * @param {Abstract | null} pair
   * @param {{name: string, key: string, plain: boolean, value: string | undefined, old: string | undefined}} register
   */
  changed(here, pair, { name, key, plain, value, old }) {
    if (Object.keys(here.before.regs).length === 0) {
      const first = pair?.wrote.has(name) ?? false;
      return { wrote: first, moved: first };
    }
    return { wrote: key in ((plain ? here.raw.regs : here.raw.x) ?? {}), moved: value !== old };
  }

  /** What the verifier knew of a register: null for nothing, undefined where it is not told. @param {Row} row @param {Reg | null | undefined} reg @param {string | undefined} value */
  knew(row, reg, value) {
    setText(row.knew, reg === undefined ? "" : reg ? summary(reg, this.store.state.base) : "·");
    setAttr(row.knew, "title", reg?.t ?? null);
    row.element.dataset.kind = reg ? kindOf(reg) : reg === null ? "none" : "";
    rule(row, reg, value);
  }

  /** @param {Row} row @param {MemoryWrite & {step: number}} m @param {RunHere} here */
  memory(row, m, here) {
    const old = here.before.mem.get(m.addr);
    const now = m.step === here.step;
    row.element.dataset.kind = "memory";
    setText(row.head.button, m.name || "memory");
    setText(row.text, m.missing ? `${count(m.missing, "byte")}, not recorded` : spell(m.hex));
    setText(row.was, !now ? "" : m.by === "load" ? "loaded" : old?.hex && old.hex !== m.hex ? `was ${spell(old.hex)}` : m.by === "call" ? "written by the call" : "");
    setText(row.native, "");
    setText(row.knew, m.addr);
    const selected = this.store.state.reg === `@${m.addr}`;
    const done = !now ? "" : m.by === "load" ? "wrote" : "wrote changed";
    row.element.className = `memory ${done} ${selected ? "selected" : ""}`;
    setAttr(row.head.button, "aria-pressed", selected ? "true" : "false");
  }
}

/** A thin bar for the range with a tick where the value is. @param {Row} row @param {Reg | null | undefined} reg @param {string | undefined} value */
function rule({ ruler, tick }, reg, value) {
  const r = reg?.k === "number" && reg.s ? bestRange(reg.s) : null;
  ruler.hidden = !r || value === undefined || r.min === r.max;
  if (!r || value === undefined || r.min === r.max) return;
  const v = r.signed ? BigInt.asIntN(64, big(value)) : BigInt.asUintN(64, big(value));
  const part = Number(((v - r.min) * 1000n) / (r.max - r.min)) / 10;
  tick.style.left = `${Math.max(0, Math.min(100, part))}%`;
}
