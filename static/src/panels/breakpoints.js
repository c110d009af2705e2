/** The list of breakpoints: switch them on and off, remove them, add calls and conditions, go on to the next. */
import { KINDS, LONGEST, MOST, at, toggled, withCode } from "../core/breakpoints.js";
import { command } from "../core/moves.js";
import { Panel } from "../core/panel.js";
import { written } from "../core/keys.js";
import { fill, h, setText } from "../ui/dom.js";

/** @import { Breakpoint } from "../core/breakpoints.js" */

/** What each kind is asked for. @type {{[kind in Breakpoint["kind"]]: {says: string, example: string}}} */
const ASKED = {
  condition: { says: "stops where it becomes true", example: "r3.umax > 64" },
  helper: { says: "stops at each call of it", example: "bpf_map_lookup_elem" },
  line: { says: "stops at each visit of the line", example: "12" },
  insn: { says: "stops at each visit of the instruction", example: "7" },
};

export class BreakpointsPane extends Panel {
  /** @type {HTMLUListElement} */
  list;
  /** @type {HTMLInputElement} */
  value;
  /** @type {HTMLSelectElement} */
  kind;
  /** @type {HTMLParagraphElement} */
  said;
  /** @type {HTMLDataListElement} */
  names;

  build() {
    const { scope } = this;
    const go = command("continue");
    this.list = h("ul", { class: "breakpoints" });
    this.names = h("datalist", { id: "breakpoint-names" });
    this.value = h("input", { type: "text", "aria-label": "Condition", maxlength: LONGEST, spellcheck: "false", autocomplete: "off", class: "breakpoint-value" });
    this.kind = h("select", { "aria-label": "Kind of breakpoint", on: { change: () => this.asks() } }, Object.keys(ASKED).map((kind) => h("option", { value: kind }, KINDS[/** @type {Breakpoint["kind"]} */ (kind)].label)));
    this.said = h("p", { class: "hint", role: "status" });
    this.append(
      h(
        "form",
        { class: "breakpoint-form", on: { submit: (event) => this.add(event) } },
        this.kind,
        this.value,
        h("button", { class: "button" }, "Add"),
        go.names.map((name, key) => h("button", { type: "button", class: "button", title: `${name} (${written(go.keys[key])})`, on: { click: () => go.do(scope, key) } }, name)),
      ),
      this.said,
      this.names,
      this.list,
    );
    this.asks();
    this.store.on(["breakpoints", "code"], () => this.paint());
    this.store.on(["found"], () => this.store.state.found && setText(this.said, this.store.state.found));
  }

  /** The kind that is asked for. */
  get chosen() {
    return /** @type {Breakpoint["kind"]} */ (this.kind.value);
  }

  asks() {
    const { says, example } = ASKED[this.chosen];
    this.value.placeholder = example;
    this.value.setAttribute("aria-label", KINDS[this.chosen].label);
    if (this.chosen === "helper") this.value.setAttribute("list", this.names.id);
    else this.value.removeAttribute("list");
    this.value.removeAttribute("aria-invalid");
    setText(this.said, `${KINDS[this.chosen].label}: ${says}`);
  }

  /** @param {Event} event */
  async add(event) {
    event.preventDefault();
    const { breakpoints, code } = this.store.state;
    const kind = this.chosen;
    const text = this.value.value.trim();
    const asked = kind === "insn" || (kind === "line" && !text.includes(":")) ? Number(text || Number.NaN) : text;
    const value = kind === "line" && KINDS[kind].good(asked) ? withCode(asked, code) : asked;
    const wrong = !KINDS[kind].good(value)
      ? `${KINDS[kind].label}: enter something like ${ASKED[kind].example}.`
      : at(breakpoints, kind, value) >= 0
        ? "There is this breakpoint already."
        : breakpoints.length >= MOST
          ? `There are ${MOST} breakpoints already.`
          : kind === "condition"
            ? await this.problem(text)
            : KINDS[kind].insns(value, code)?.length === 0
              ? kind === "line"
                ? "No instruction comes from this line or one below it."
                : `This program has no ${KINDS[kind].says(value)}.`
              : "";
    const moved = value === asked ? "" : `, the next with instructions after ${KINDS[kind].says(asked)}`;
    setText(this.said, wrong || `Added: ${KINDS[kind].says(value)}${moved}.`);
    this.value.toggleAttribute("aria-invalid", false);
    if (wrong) {
      this.value.setAttribute("aria-invalid", "true");
      return;
    }
    this.value.value = "";
    this.store.set({ breakpoints: toggled(this.store.state.breakpoints, kind, value) });
  }

  /** What is wrong with a condition, by the server; "" for nothing, or where there is none to ask. @param {string} text */
  async problem(text) {
    const { seeker, state, cursor } = this.scope;
    if (!seeker.able || !cursor.total) return "";
    // Behind the last step there is nothing to search: what comes back is what is wrong.
    const found = await seeker.find({ view: state.view, run: state.packetRun, from: cursor.total, direction: 1 }, [{ kind: "condition", text }]);
    const wrong = found?.problems[0];
    if (!wrong) return "";
    this.value.focus();
    this.value.setSelectionRange(wrong.column - 1, text.length);
    return `Column ${wrong.column}: ${wrong.message}`;
  }

  paint() {
    const { breakpoints, code } = this.store.state;
    const names = [...code.calls.keys()].sort();
    fill(this.names, names.map((name) => h("option", { value: name })));
    fill(this.list, breakpoints.map((each, i) => this.row(each, i)));
    if (!breakpoints.length) fill(this.list, h("li", { class: "hint" }, "No breakpoints yet: click beside a line or an instruction, or add a call or a condition."));
  }

  /** @param {Breakpoint} each @param {number} place */
  row(each, place) {
    const { store } = this;
    const says = KINDS[each.kind].says(each.value);
    const box = h("input", { type: "checkbox", checked: each.enabled });
    box.addEventListener("change", () => store.set({ breakpoints: store.state.breakpoints.map((one, i) => (i === place ? { ...one, enabled: box.checked } : one)) }));
    const remove = () => {
      store.set({ breakpoints: toggled(store.state.breakpoints, each.kind, each.value) });
      this.value.focus();
    };
    return h(
      "li",
      null,
      h("label", null, box, " ", h("span", { class: "hint" }, each.kind === "condition" ? "condition " : ""), h("code", null, says)),
      h("button", { type: "button", class: "icon", "aria-label": `Remove ${says}`, title: "Remove", on: { click: remove } }, "✕"),
    );
  }
}
