/** The state column: what the verifier knows, or what the machine holds, after the step under the cursor. */
import { Panel } from "../core/panel.js";
import { inFrame } from "../core/cursor.js";
import { bitStrip, drawBits } from "../ui/bits.js";
import { calm, fill, glyph, h, setAttr, setText } from "../ui/dom.js";
import { big, bestRange, bounds, concrete, num, spell } from "../ui/format.js";
import { kindOf, summary } from "../ui/kinds.js";
import { term } from "../ui/tip.js";
import { holding } from "../ui/words.js";

const REGS = ["r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10"];
/** Where the x86-64 JIT keeps each BPF register. */
export const X86 = {
  r0: "rax", r1: "rdi", r2: "rsi", r3: "rdx", r4: "rcx", r5: "r8",
  r6: "rbx", r7: "r13", r8: "r14", r9: "r15", r10: "rbp",
};
/** How many releases of a reference are listed. */
const RELEASES = 3;
/** Machine registers no BPF register lives in; the mark keeps x86 r9 apart from BPF r9. */
const SPARE = ["x:rsp", "x:r9", "x:r10", "x:r11", "x:r12"];

/** "1:fp-8" -> {frame: 1, slot: "fp-8"}. */
function split(name) {
  const colon = name.indexOf(":");
  return colon < 0 ? { frame: 0, slot: name } : { frame: Number(name.slice(0, colon)), slot: name.slice(colon + 1) };
}

const inButton = (target) => target instanceof Element && Boolean(target.closest("button"));

export class State extends Panel {
  /** @type {HTMLHeadingElement} */
  heading;
  /** @type {HTMLButtonElement} */
  base;
  /** @type {HTMLTableCaptionElement} */
  caption;
  /** @type {HTMLTableRowElement} */
  headings;
  /** @type {HTMLTableSectionElement} */
  body;
  /** @type {HTMLTableElement} */
  table;
  /** @type {HTMLElement} */
  held;
  /** @type {HTMLDivElement} */
  scroller;
  /** @type {HTMLDivElement} */
  detail;
  /** @type {Map<string, any>} */
  rows;
  /** @type {any} */
  describedName;
  /** @type {any} */
  view;
  /** @type {string | undefined} */
  pulsed;
  /** @type {any} */
  heldStamp;
  /** @type {any} */
  heldOf;
  /** @type {any} */
  described;
  /** @type {any} */
  describedBase;

  build() {
    const { store } = this;
    this.heading = h("h2", { class: "column-title" }, "State");
    this.base = h(
      "button",
      { type: "button", class: "chip", on: { click: () => store.set({ base: store.state.base === "dec" ? "hex" : "dec" }) } },
      "dec",
    );
    this.caption = h("caption", { class: "visually-hidden" }, "Registers and stack");
    this.headings = h("tr");
    this.body = h("tbody");
    this.table = h("table", { class: "state-table" }, this.caption, h("thead", null, this.headings), this.body);
    this.held = h("section", { class: "held", hidden: true, "aria-label": "Held at this step" });
    this.scroller = h("div", { class: "state-scroll", tabindex: "0", role: "region", "aria-label": "State table" }, this.table, this.held);
    this.preview();
    // A click anywhere in a row selects it, unless it was for a link or to select text.
    this.body.addEventListener("click", (event) => {
      const row = event.target instanceof Element ? event.target.closest("tr") : null;
      if (!row?.dataset.name || inButton(event.target) || String(getSelection() ?? "")) return;
      this.pick(row.dataset.name);
    });
    this.detail = h("div", { class: "detail", "aria-live": "off" });
    this.append(
      h("div", { class: "column-head" }, this.heading, this.base),
      this.scroller,
      this.detail,
    );
    /** @type {Map<string, any>} */
    this.rows = new Map();
    store.on(["step", "view", "windows", "stages", "reg", "base", "code", "reasons"], () => this.paint());
    store.on(["peek"], () => this.peeked());
  }

  /** Pointing at a row, or coming to it by Tab, shows all that is known of it and marks who wrote it. */
  preview() {
    const name = (target) => (target instanceof Element ? (target.closest("tr")?.dataset.name ?? "") : "");
    const set = (peek) => this.store.set({ peek });
    this.body.addEventListener("pointerover", (event) => event.pointerType === "mouse" && set(name(event.target)));
    this.body.addEventListener("pointerleave", () => set(""));
    this.body.addEventListener("focusin", (event) => set(event.target instanceof Element && event.target.matches(":focus-visible") ? name(event.target) : ""));
    this.body.addEventListener("focusout", () => set(""));
  }

  peeked() {
    const { peek, view } = this.store.state;
    const here = view === "verify" ? this.scope.cursor.now() : null;
    const reg = here && peek ? here.state.get(peek) : null;
    const idx = reg ? this.scope.cursor.writerInsn(reg) : null;
    this.store.set({ hover: idx === null ? null : { line: this.store.state.code.line(idx), insn: idx } });
    if (here) this.describing(here);
  }

  describing(here) {
    const { peek, reg: selected, base } = this.store.state;
    const name = peek && this.rows.has(peek) ? peek : selected;
    this.describe(here.state.get(name), name, base);
  }

  paint() {
    const { view, base, step } = this.store.state;
    setText(this.base, base);
    setAttr(this.base, "title", `Numbers are ${base === "dec" ? "decimal" : "hexadecimal"}: switch (x)`);
    if (this.view !== view) this.frame(view);
    const here = this.scope.cursor.now();
    const { stages } = this.store.state;
    const failing = view === "verify" && stages.verify?.fail?.step === step;
    setText(
      this.heading,
      !here
        ? "State"
        : view === "verify"
          ? `${failing ? "State before" : "State after"} ${here.idx}${here.depth > 1 ? ` · frame ${here.frame}` : ""}`
          : `Machine after ${here.idx}`,
    );
    setAttr(this, "data-waiting", !here && this.scope.cursor.total > 0);
    if (!here) {
      if (this.scope.cursor.total > 0) return; // keep what is there until the window arrives
      this.names([]);
      this.describedName = null;
      this.held.hidden = true;
      fill(this.detail, h("p", { class: "hint" }, "Registers appear here once the verifier has walked."));
      return;
    }
    if (view === "verify") this.walk(here, failing);
    else this.machine(here);
  }

  frame(view) {
    this.view = view;
    this.rows.clear();
    this.body.textContent = "";
    this.held.hidden = true;
    const heads =
      view === "verify"
        ? ["Register", "Holds", term("bits", "Bits"), "Line"]
        : ["BPF", "x86", "Value", "Verifier knew"];
    fill(this.headings, heads.map((text) => h("th", { scope: "col" }, text)));
    this.table.dataset.view = view;
    this.caption.textContent =
      view === "verify" ? "Registers and stack as the verifier knows them" : "Registers as the machine holds them";
  }

  /** Make the rows be exactly these, in order, keeping those that stay. */
  names(wanted) {
    let previous = null;
    const keep = new Set(wanted);
    for (const [name, row] of this.rows)
      if (!keep.has(name)) {
        row.element.remove();
        this.rows.delete(name);
      }
    for (const name of wanted) {
      let row = this.rows.get(name);
      if (!row) {
        row = this.view === "verify" ? this.walkRow(name) : this.machineRow(name);
        this.rows.set(name, row);
      }
      const next = previous ? previous.nextSibling : this.body.firstChild;
      if (next !== row.element) this.body.insertBefore(row.element, next);
      previous = row.element;
    }
  }

  pick(name) {
    this.store.set({ reg: this.store.state.reg === name ? "" : name });
  }

  head(name, label) {
    const mark = h("span", { class: "rw", "aria-hidden": "true" });
    const button = h("button", { type: "button", class: "reg-name", on: { click: () => this.pick(name) } }, label);
    return { mark, button, cell: h("th", { scope: "row" }, h("span", { class: "reg-head" }, button, mark)) };
  }

  // The verifier's state ----------------------------------------------------------------------------------------

  walkRow(name) {
    const { frame, slot } = split(name);
    const head = this.head(name, slot);
    const icon = h("span", { class: "icon-slot" });
    const text = h("span", { class: "holds" });
    const was = h("span", { class: "was" });
    const precise = h("span", { class: "precise", title: "precise: the verifier relies on this exact value" });
    const strip = bitStrip();
    const line = h("button", { type: "button", class: "line-link", on: { click: () => this.toWriter(name) } });
    const what = h("td", { class: "what" }, h("div", { class: "what-line" }, icon, text, precise, was));
    const cell = h("td", { class: "bits-cell" }, strip);
    const element = h(
      "tr",
      { data: { name }, class: slot.startsWith("fp") ? "slot" : "" },
      head.cell,
      what,
      cell,
      h("td", { class: "line-cell" }, line),
    );
    return { element, head, icon, text, was, precise, strip, what, cell, line, frame, reg: undefined, base: "" };
  }

  walk(here, failing) {
    const { base, reg: selected } = this.store.state;
    const { frame } = here;
    const names = REGS.map((r) => inFrame(frame, r));
    const slots = [];
    const outer = [];
    for (const name of here.state.keys()) {
      const part = split(name);
      if (part.frame !== frame) {
        if (part.frame < frame && (part.slot.startsWith("fp") || /^r[6-9]$/.test(part.slot))) outer.push(name);
      } else if (part.slot.startsWith("fp")) slots.push(name);
    }
    const depth = (name) => Number(split(name).slot.slice(2).split(/[^0-9-]/)[0]) || 0;
    slots.sort((a, b) => depth(b) - depth(a));
    this.names([...names, ...slots, ...outer]);
    const read = new Set(here.raw.read ?? []);
    const lines = this.store.state.code.byLine.size > 0;
    const last = this.headings.lastElementChild;
    if (last) setText(last, lines ? "Line" : "Step");
    const fail = failing ? this.store.state.stages.verify?.fail?.reg : "";
    for (const [name, row] of this.rows) {
      const reg = here.state.get(name);
      const old = here.before.get(name);
      const wrote = here.wrote.has(name);
      const moved = wrote && summary(old, base) !== summary(reg, base);
      if (row.reg !== reg || row.base !== base || row.reg === undefined) this.hold(row, reg, base);
      // Without a source there is no line to tell: then the step stands there.
      const line = lines ? this.scope.cursor.writerLine(reg) : reg?.w >= 0 ? reg.w + 1 : null;
      setText(row.line, line ? `${line}` : "");
      setAttr(row.line, "aria-label", line ? `${split(name).slot} was written ${lines ? "on line" : "at step"} ${line}; go there` : null);
      row.line.hidden = !line;
      // A place on the stack is counted from the frame pointer: a term to be looked up.
      const stack = reg?.k === "stack";
      setAttr(row.text, "data-term", stack ? "fp" : null);
      setAttr(row.text, "tabindex", stack ? "0" : null);
      setText(row.was, moved ? `was ${summary(old, base) || "nothing"}` : this.aside(reg, base));
      const class_ = [
        split(name).slot.startsWith("fp") ? "slot" : "",
        row.frame !== frame ? "outer" : "",
        reg ? "" : "undefined",
        wrote ? "wrote" : "",
        moved ? "changed" : "",
        read.has(name) ? "read" : "",
        selected === name ? "selected" : "",
        fail === name ? "fault" : "",
      ].join(" ");
      if (row.element.className !== class_) row.element.className = class_;
      setText(row.head.mark, `${read.has(name) ? "r" : ""}${wrote ? "w" : ""}`);
      setAttr(row.head.button, "aria-pressed", selected === name ? "true" : "false");
    }
    if (fail && this.pulsed !== `${this.store.state.ran?.edited}:${here.step}`) {
      this.pulsed = `${this.store.state.ran?.edited}:${here.step}`;
      const row = this.rows.get(fail)?.element;
      row?.scrollIntoView({ block: "nearest" });
      if (row && !calm())
        row.animate([{ opacity: 1 }, { opacity: 0.35 }, { opacity: 1 }], { duration: 140, easing: "ease-in-out" });
    }
    this.describing(here);
    this.holds(here);
  }

  /** References, locks and sections held after this step: where acquired, and where released. */
  holds(here) {
    const held = this.store.state.reasons.held(here.step, here.raw.path);
    const stamp = held.map((each) => `${each.kind}${each.id}@${each.step}`).join();
    this.held.hidden = !held.length;
    if (!held.length || (this.heldStamp === stamp && this.heldOf === this.store.state.reasons)) return;
    this.heldStamp = stamp;
    this.heldOf = this.store.state.reasons;
    fill(
      this.held,
      h("h3", null, "Held"),
      h("ul", null, held.map((each) => h("li", null, h("b", null, holding(each)), " acquired at ", this.to(each.step), each.by ? [" by ", h("code", null, `${each.by}()`)] : null, ". ", this.released(each)))),
    );
  }

  released(each) {
    if (!each.released.length) return each.still_held.length ? h("span", { class: "bad" }, "Never released.") : "Not released on any verified path.";
    const some = each.released.slice(0, RELEASES);
    return [
      "Released at ",
      some.map((at, i) => [i ? ", " : "", this.to(at.step), at.how ? [" (", at.how === "found to be NULL" ? at.how : h("code", null, `${at.how}()`), ")"] : null]),
      each.released.length > RELEASES ? ` and ${each.released.length - RELEASES} more` : "",
      each.still_held.length ? h("span", { class: "bad" }, ", but not on every path") : null,
      ".",
    ];
  }

  /** A link to a step. */
  to(step) {
    return h("button", { type: "button", class: "line-link step-link", on: { click: () => this.scope.cursor.goto(step) } }, `step ${step + 1}`);
  }

  hold(row, reg, base) {
    row.reg = reg ?? null;
    row.base = base;
    const kind = kindOf(reg);
    row.icon.textContent = "";
    row.icon.append(glyph(kind, Boolean(reg?.null)));
    setText(row.text, reg ? summary(reg, base) : "·");
    row.element.dataset.kind = kind;
    setAttr(row.element, "title", reg?.t ?? "not written yet");
    row.precise.textContent = reg?.p ? "●" : "";
    const bits = Boolean(reg?.s) && reg.k === "number";
    row.what.colSpan = bits ? 1 : 2; // a pointer has no bits to show: its words get the room
    row.cell.hidden = !bits;
    if (bits) drawBits(row.strip, reg.s);
  }

  /** What stands small beside a known number: the same in the other base. */
  aside(reg, base) {
    if (!reg?.s || reg.k !== "number") return "";
    const r = bestRange(reg.s);
    if (r.min !== r.max || (r.min >= 0n && r.min < 10n)) return "";
    return base === "hex" ? num(r.min, "dec") : `0x${BigInt.asUintN(64, bounds(reg.s).umin).toString(16)}`;
  }

  toWriter(name) {
    const reg = this.scope.cursor.now()?.state?.get(name);
    if (reg?.w >= 0) this.scope.cursor.goto(reg.w);
  }

  /** Everything known of the selected register, below the table. */
  describe(reg, name, base) {
    if (this.described === reg && this.describedBase === base && this.describedName === name) return;
    this.described = reg;
    this.describedBase = base;
    this.describedName = name;
    if (!name) {
      fill(this.detail, h("p", { class: "hint" }, "Select a register to see its details."));
      return;
    }
    const { slot } = split(name);
    if (!reg) {
      fill(this.detail, h("p", { class: "hint" }, `${slot} holds nothing the program may read.`));
      return;
    }
    const b = reg.s ? bounds(reg.s) : null;
    const pair = (term, text) => (text ? h("div", null, h("dt", null, term), h("dd", null, text)) : null);
    fill(
      this.detail,
      h("p", { class: `kernel-text kind-${kindOf(reg)}` }, h("b", null, slot), ` ${reg.t ?? ""}`),
      this.wrote(reg, name),
      h(
        "dl",
        null,
        b && [
          pair("unsigned 64", `${num(b.umin, base)} … ${num(b.umax, base)}`),
          pair("signed 64", `${num(b.smin, base)} … ${num(b.smax, base)}`),
          pair("unsigned 32", `${num(b.u32min, base)} … ${num(b.u32max, base)}`),
          pair("signed 32", `${num(b.s32min, base)} … ${num(b.s32max, base)}`),
          pair("known bits", `0x${b.value.toString(16)} / unknown 0x${b.mask.toString(16)}`),
        ],
        reg.off ? pair("offset", num(reg.off, base)) : null,
        reg.range ? pair("proven bytes", num(reg.range, base)) : null,
        reg.map ? pair("map", reg.map) : null,
        reg.id ? pair("id", String(reg.id)) : null,
        reg.ref ? pair("reference", String(reg.ref)) : null,
      ),
    );
  }

  /** Who wrote a register last, and why it had to be precise: links to those steps. */
  wrote(reg, name) {
    const idx = this.scope.cursor.writerInsn(reg);
    const { code } = this.store.state;
    const line = idx === null ? null : code.line(idx);
    return h(
      "p",
      { class: "wrote-at" },
      reg.w >= 0
        ? ["written at ", this.to(reg.w), idx === null ? "" : [" by ", h("code", null, `${idx}: ${code.at(idx)?.text ?? ""}`)], line ? `, line ${line}` : ""]
        : "present from the start",
      reg.p
        ? ["; precise ", h("button", { type: "button", class: "line-link", on: { click: () => this.scope.search.whyPrecise(name) } }, "why?")]
        : null,
    );
  }

  // The machine --------------------------------------------------------------------------------------------------

  machineRow(name) {
    const memory = name.startsWith("@");
    const head = X86[name] ? this.head(name, name) : { button: h("span", { class: "plain-name" }), cell: h("th", { scope: "row" }) };
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
    return { element, head, native, text, was, ruler, knew, value: undefined };
  }

  machine(here) {
    const { base, reg: selected } = this.store.state;
    const hasX86 = Object.keys(here.x).length > 0;
    const memory = [...here.mem.values()].sort((a, b) => (big(a.addr) < big(b.addr) ? -1 : 1));
    this.names([...REGS, ...memory.map((m) => `@${m.addr}`), ...(hasX86 ? SPARE : [])]);
    const pair = this.scope.cursor.abstract(here.step);
    // The first step tells every register; what it changed is what the walk says the instruction writes.
    const started = Object.keys(here.before.regs).length > 0;
    const first = started || !pair ? new Set() : pair.wrote;
    for (const name of [...REGS, ...(hasX86 ? SPARE : [])]) {
      const row = this.rows.get(name);
      const plain = name in X86;
      const values = plain ? here.regs : here.x;
      const before = plain ? here.before.regs : here.before.x;
      const key = plain ? name : name.slice(2);
      const value = values[key];
      const moved = started ? value !== before[key] : first.has(name);
      const told = plain && pair && !pair.outside.has(name);
      const knows = told ? pair.state.get(inFrame(pair.frame, name)) : null;
      setText(row.text, value === undefined ? "·" : concrete(value, base));
      setAttr(row.element, "title", value === undefined ? null : `${value}`);
      setText(row.was, moved && before[key] !== undefined ? `was ${concrete(before[key], base)}` : "");
      setText(row.knew, told ? (knows ? summary(knows, base) : "·") : "");
      setAttr(row.knew, "title", knows?.t ?? null);
      row.element.dataset.kind = knows ? kindOf(knows) : told ? "none" : "";
      this.rule(row.ruler, knows, value);
      const wrote = started ? key in (plain ? (here.raw.regs ?? {}) : (here.raw.x ?? {})) : first.has(name);
      row.element.className = [
        wrote ? "wrote" : "",
        moved ? "changed" : "",
        plain ? "" : "spare",
        selected === name ? "selected" : "",
      ].join(" ");
      if (plain) setAttr(row.head.button, "aria-pressed", selected === name ? "true" : "false");
    }
    for (const m of memory) {
      const row = this.rows.get(`@${m.addr}`);
      const old = here.before.mem.get(m.addr);
      row.element.dataset.kind = "memory";
      setText(row.head.button, m.name || "memory");
      setText(row.text, spell(m.hex));
      setText(row.was, m.step === here.step && old && old.hex !== m.hex ? `was ${spell(old.hex)}` : "");
      setText(row.native, "");
      setText(row.knew, m.addr);
      row.element.className = `memory ${m.step === here.step ? "wrote changed" : ""}`;
    }
    if (this.described !== here) {
      this.described = here;
      fill(
        this.detail,
        h(
          "p",
          { class: "hint" },
          pair
            ? `Next to each value: the verifier's state ${pair.before ? "before" : "after"} its step ${pair.step + 1}.`
            : "The verifier's state at this step is not known.",
        ),
      );
    }
  }

  /** A thin bar for the range with a tick where the value is. */
  rule(ruler, reg, value) {
    const r = reg?.k === "number" && reg.s ? bestRange(reg.s) : null;
    const shown = r && value !== undefined && r.min !== r.max;
    ruler.hidden = !shown;
    if (!shown) return;
    const v = r.signed ? BigInt.asIntN(64, big(value)) : BigInt.asUintN(64, big(value));
    const part = Number(((v - r.min) * 1000n) / (r.max - r.min)) / 10;
    ruler.firstElementChild.style.left = `${Math.max(0, Math.min(100, part))}%`;
  }
}
