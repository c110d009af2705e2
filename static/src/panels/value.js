/**
 * How the selected register or slot got its value: a popover beside the state column, a sheet on a phone. It follows the
 * cursor; pinned, it stays until it is closed. The wheel over it goes to the next and previous read or write.
 */
import { inFrame } from "../core/cursor.js";
import { Panel } from "../core/panel.js";
import { bitStrip, drawBits } from "../ui/bits.js";
import { fill, glyph, h, setAttr, setText } from "../ui/dom.js";
import { concrete, count, num } from "../ui/format.js";
import { kindOf, summary } from "../ui/kinds.js";
import { NumberLine } from "../ui/number-line.js";
import { goes, made } from "./value-made.js";

/** @import { Reg, Value, ValueEvent } from "../types/messages.js" */

/** Below this width the popover is a sheet at the bottom. */
const NARROW = 900;
/** Events that are in sight without scrolling, mostly. */
const SHORT = 3;
/** Least height that the popover is given, where there is room for it. */
const LEAST = 380;
/** How far the wheel turns from one access to the next, in pixels. */
const NOTCH = 50;
/** Milliseconds in which one turn of the wheel goes one step, however long a touchpad lets it run on. */
const PACE = 60;

export class ValuePopover extends Panel {
  /** @type {HTMLElement} */
  box;
  /** @type {HTMLHeadingElement} */
  heading;
  /** @type {HTMLElement} */
  now;
  /** @type {HTMLElement} */
  body;
  /** @type {HTMLElement} */
  list;
  /** @type {HTMLElement} */
  uses;
  /** @type {HTMLElement} */
  note;
  /** @type {HTMLButtonElement} */
  pin;
  line = new NumberLine();
  bits = bitStrip();
  turned = 0;
  stepped = 0;
  /** Whether the popover was moved by hand, and stays where it was put. */
  moved = false;
  /** @type {Element | null} what had the focus when it was opened */
  opener = null;
  /** @type {unknown[]} what is shown was made of these */
  stamp = [];

  build() {
    const { store, scope } = this;
    this.heading = h("h2", { class: "value-title", id: "value-title" });
    this.pin = h("button", { type: "button", class: "chip", on: { click: () => this.pinned() } }, "Pin");
    const close = h("button", { type: "button", class: "icon close", "aria-label": "Close", title: "Close (Escape)", on: { click: () => this.close() } }, "✕");
    const head = h("div", { class: "value-head" }, this.heading, this.pin, close);
    this.now = h("p", { class: "value-now" });
    this.body = h("div", { class: "value-body" });
    this.list = h("ol", { class: "made", "aria-label": "What made it" });
    /** @param {string} label @param {string} text @param {number} direction */
    const button = (label, text, direction) =>
      h("button", { type: "button", class: "chip", "aria-label": label, title: `${label} (${direction > 0 ? "." : ","})`, on: { click: () => scope.values.walk(direction) } }, text);
    this.uses = h("span", { class: "uses-text" });
    this.note = h("p", { class: "hint" });
    this.box = h(
      "section",
      { class: "value", role: "dialog", "aria-labelledby": "value-title", tabindex: "-1", hidden: true },
      head,
      this.now,
      this.body,
      h("div", { class: "uses" }, button("Previous read or write", "◀", -1), this.uses, button("Next read or write", "▶", 1)),
      h("h3", null, "What made it"),
      this.list,
      this.note,
    );
    this.append(this.box);
    this.addEventListener("toggle-value", () => this.toggle());
    this.box.addEventListener("keydown", (event) => this.key(event));
    this.box.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    this.drag(head);
    document.addEventListener("pointerdown", (event) => this.outside(event));
    document.addEventListener("keydown", (event) => this.escape(event));
    addEventListener("resize", () => this.position());
    // After the layout, so that a step forces none.
    new ResizeObserver(() => this.position()).observe(this.box);
    store.on(["selected", "asking", "value", "step", "view", "base", "code", "windows"], (changed) => this.paint(changed));
  }

  toggle() {
    const { asking, selected } = this.store.state;
    if (asking) {
      this.close();
      return;
    }
    if (!selected) {
      this.store.set({ found: "Select a register first." });
      return;
    }
    this.store.set({ asking: "open" });
  }

  pinned() {
    this.store.set({ asking: this.store.state.asking === "pinned" ? "open" : "pinned" });
  }

  close() {
    const inside = this.box.contains(document.activeElement);
    this.store.set({ asking: "" });
    if (inside && this.opener instanceof HTMLElement && this.opener.isConnected) this.opener.focus();
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    this.close();
  }

  /** Escape closes it from anywhere but where Escape means something else. @param {KeyboardEvent} event */
  escape(event) {
    if (event.key !== "Escape" || event.defaultPrevented || !this.store.state.asking || document.querySelector("dialog[open]")) return;
    const [target] = event.composedPath();
    if (target instanceof HTMLElement && (target.isContentEditable || target.matches("input:not([type=range]), textarea, select"))) return;
    this.close();
  }

  /** A press elsewhere closes it, unless it is pinned, or the press moves the cursor or selects another value. @param {Event} event */
  outside(event) {
    if (this.store.state.asking !== "open") return;
    const target = event.target instanceof Element ? event.target : null;
    if (target && !target.closest("bs-value, bs-state, bs-scrubber, bs-insns, bs-switch")) this.close();
  }

  /** @param {WheelEvent} event */
  wheel(event) {
    if (event.ctrlKey || !this.scope.values.accesses()) return;
    const target = event.target instanceof Element ? event.target : null;
    // A list that scrolls is scrolled.
    const list = target?.closest(".made");
    if (list && list.scrollHeight > list.clientHeight) return;
    event.preventDefault();
    this.turned += event.deltaMode ? event.deltaY * 20 : event.deltaY;
    if (Math.abs(this.turned) < NOTCH || event.timeStamp - this.stepped < PACE) return;
    this.stepped = event.timeStamp;
    const direction = this.turned > 0 ? 1 : -1;
    this.turned = 0;
    this.scope.values.walk(direction);
  }

  // Where it stands ------------------------------------------------------------------------------------------------

  /** Moved by its head. @param {HTMLElement} head */
  drag(head) {
    head.addEventListener("pointerdown", (event) => {
      if (innerWidth < NARROW || event.button || (event.target instanceof Element && event.target.closest("button"))) return;
      const box = this.box.getBoundingClientRect();
      const [x, y] = [event.clientX - box.left, event.clientY - box.top];
      head.setPointerCapture(event.pointerId);
      /** @param {PointerEvent} move */
      const to = (move) => {
        this.moved = true;
        this.put(move.clientX - x, move.clientY - y);
      };
      head.addEventListener("pointermove", to);
      head.addEventListener("lostpointercapture", () => head.removeEventListener("pointermove", to), { once: true });
    });
  }

  /** @param {number} left @param {number} top */
  put(left, top) {
    // The scrubber, where the reads and writes are marked, stays in sight.
    const floor = (document.querySelector("bs-scrubber")?.getBoundingClientRect().top ?? innerHeight) - 6;
    this.box.style.maxHeight = `${Math.max(LEAST, floor - Math.max(8, Math.min(top, floor - LEAST)))}px`;
    const { offsetWidth: width, offsetHeight: height } = this.box;
    this.box.style.left = `${Math.max(8, Math.min(left, innerWidth - width - 8))}px`;
    this.box.style.top = `${Math.max(8, Math.min(top, innerHeight - height - 8))}px`;
  }

  /** Beside the row of the value. */
  position() {
    if (this.box.hidden) return;
    const sheet = innerWidth < NARROW;
    this.box.classList.toggle("sheet", sheet);
    if (sheet) {
      this.box.style.left = this.box.style.top = this.box.style.maxHeight = "";
      return;
    }
    if (this.moved) {
      this.put(this.box.offsetLeft, this.box.offsetTop);
      return;
    }
    const column = document.querySelector("bs-state")?.getBoundingClientRect();
    const row = document.querySelector("bs-state tr.selected")?.getBoundingClientRect();
    this.put((column?.left ?? innerWidth) - this.box.offsetWidth - 8, Math.max(column?.top ?? 8, (row?.top ?? 8) - 40));
  }

  // What it shows --------------------------------------------------------------------------------------------------

  /** @param {Set<string>} changed */
  paint(changed) {
    const { selected, asking } = this.store.state;
    const shown = Boolean(selected && asking);
    const opens = shown && this.box.hidden;
    this.box.hidden = !shown;
    if (!shown || !selected) return;
    if (opens) this.opener = document.activeElement;
    setAttr(this.pin, "aria-pressed", asking === "pinned" ? "true" : "false");
    setText(this.pin, asking === "pinned" ? "Pinned" : "Pin");
    const { value, step, view, base, code } = this.store.state;
    const stamp = [value, step, view, base, code.filled, selected.name, selected.frame];
    if (!opens && stamp.every((each, i) => each === this.stamp[i])) return;
    this.stamp = stamp;
    setText(this.heading, `${selected.name}${selected.frame && view === "verify" ? ` in frame ${selected.frame}` : ""}`);
    // What is on its way comes before anybody could read that it does: what was shown stays until then.
    const mine = value && value.name === selected.name && value.stage === view ? value : null;
    if (mine && (mine.step === step || opens)) this.tell(mine);
    else if (!mine) this.early();
    if (opens || changed.has("selected")) this.position();
  }

  /** What the page knows itself, until the answer is here. */
  early() {
    const { reg: name } = this.store.state;
    const here = this.scope.cursor.walked();
    const reg = here?.state.get(name) ?? null;
    fill(this.now, here ? [glyph(kindOf(reg), Boolean(reg?.null)), h("span", { class: `kind-${kindOf(reg)}` }, reg ? summary(reg, this.store.state.base) : "holds nothing")] : null);
    fill(this.body, reg?.s ? this.numbers(reg, null) : null, reg ? this.more(reg) : null);
    fill(this.list);
    setText(this.uses, "");
    setText(this.note, "");
  }

  /** @param {Value & {message?: string}} value */
  tell(value) {
    const { base } = this.store.state;
    const { concrete: ran } = value;
    const reg = value.reg ?? this.besideEntered(value);
    const held = reg ? summary(reg, base) : value.message ? "" : value.walk_step === null ? "" : "holds nothing";
    fill(
      this.now,
      glyph(kindOf(reg), Boolean(reg?.null)),
      h("span", { class: `kind-${kindOf(reg)}` }, held),
      ran ? h("span", { class: "made-ran" }, ` in the run ${concrete(ran.value, base)}${ran.times > 1 ? ` (the first of ${ran.times} times)` : ""}`) : null,
    );
    fill(this.body, reg?.s ? this.numbers(reg, ran?.value ?? null) : null, reg ? this.more(reg) : null);
    fill(this.list, made(value, this.scope, (event) => this.go(event)));
    this.list.hidden = !value.events.length;
    if (this.list.previousElementSibling) /** @type {HTMLElement} */ (this.list.previousElementSibling).hidden = !value.events.length;
    setText(this.uses, this.used(value));
    setText(this.note, value.message ?? this.cut(value));
    if (value.events.length > SHORT) this.list.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest" });
  }

  /** What the page itself knows of a value in a program that a tail call entered, where no answer tells it. @param {Value} value */
  besideEntered({ stage, step, name }) {
    const pair = stage === "run" ? this.scope.cursor.abstract(step) : null;
    return pair && !pair.shown && !pair.outside.has(name) ? (pair.state.get(inFrame(pair.frame, name)) ?? null) : null;
  }

  /** @param {Reg} reg @param {string | null} ran */
  numbers(reg, ran) {
    if (!reg.s) return null;
    this.line.show(reg.s, reg.k === "number" ? ran : null, this.store.state.base);
    drawBits(this.bits, reg.s);
    return [
      this.line.element,
      h("div", { class: "value-bits" }, this.bits, h("span", { class: "hint" }, "filled: known, tall for 1; hollow: unknown")),
    ];
  }

  /** What is known of a pointer beside its words. @param {Reg} reg */
  more(reg) {
    const { base } = this.store.state;
    /** @param {string} term @param {string | number | undefined} text */
    const pair = (term, text) => (text ? h("div", null, h("dt", null, term), h("dd", null, text)) : null);
    return h("dl", null,
      reg.k === "number" ? null : pair("kernel's words", reg.t),
      pair("offset", reg.off ? num(reg.off, base) : ""), pair("proven bytes", reg.range ? num(reg.range, base) : ""),
      pair("map", reg.map), pair("bytes", reg.size ? num(reg.size, base) : ""), pair("reference", reg.ref));
  }

  /** @param {Value & {message?: string}} value */
  used({ writes, reads, begun, ended, first, last, stage, message }) {
    if (message) return "";
    const [within, whole] = stage === "run" ? ["in", "this run"] : ["on", "this path"];
    const where = begun && ended ? `${within} ${whole}` : `in steps ${first + 1}–${last + 1} of ${whole}`;
    return `${count(writes.length, "write")}, ${count(reads.length, "read")} ${where}`;
  }

  /** @param {Value} value */
  cut({ events, repeated, cut, stage, walk_step: walk, why_not: why }) {
    if (stage === "run" && walk === null) return why ?? "What the verifier knew at this step is not known.";
    return [
      repeated ? "Earlier rounds are left out." : "",
      cut && events.length ? "The list does not go back to the beginning." : "",
    ].filter(Boolean).join(" ");
  }

  /** @param {ValueEvent} event */
  go(event) {
    const { cursor } = this.scope;
    if (!goes(event, this.store.state.view)) return;
    if (this.store.state.view === "run" && event.at === null) cursor.show("verify", event.step);
    else cursor.goto(this.store.state.view === "run" ? (event.at ?? 0) : event.step);
  }
}
