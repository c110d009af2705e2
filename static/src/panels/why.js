/**
 * Why: the rejection with what led to it, or where the emulation stops; and of the step under the cursor why its path
 * ends there, what was remembered and compared, and which values had to be precise. Tables are made when opened.
 */
import { Panel } from "../core/panel.js";
import { fill, glyph, h, setAttr } from "../ui/dom.js";
import { count } from "../ui/format.js";
import { kindOf, kindOfText } from "../ui/kinds.js";
import { EXACT, asSentence, category, notEmulated, waysOn } from "../ui/words.js";

const LINKS = 6;
const ARRIVALS = 40;

export class WhyPane extends Panel {
  /** @type {HTMLDivElement} */
  card;
  /** @type {HTMLElement} */
  step;
  /** @type {any} */
  reasons;
  /** @type {any} */
  code;
  /** @type {any} */
  log;
  /** @type {string | false | undefined} */
  elsewhere;
  /** @type {any[]} */
  items;
  /** @type {any} */
  stamp;
  /** @type {any} */
  of;

  /** The emulated kernel by name. */
  kernel() {
    const { stages, kernel } = this.store.state;
    const release = stages.verify?.kernel || kernel;
    return release ? `Linux ${release}` : "the emulated kernel";
  }

  build() {
    this.card = h("div", { class: "why-card" });
    this.step = h("section", { class: "why-step", "aria-label": "This step" });
    this.append(this.card, this.step);
    this.store.on(["reasons", "code", "log", "stages"], () => this.about());
    this.store.on(["step", "view", "windows", "pane", "dock", "reasons", "code"], () => this.paint());
  }

  /** A link to a step: it moves the one cursor. */
  to(step, text = `step ${step + 1}`) {
    return h("button", { type: "button", class: "line-link step-link", on: { click: () => this.go(step) } }, text);
  }

  go(step) {
    if (this.store.state.view !== "verify") this.scope.cursor.show("verify", step);
    else this.scope.cursor.goto(step);
  }

  // The program: made once a verdict is here ---------------------------------------------------------------------

  about() {
    const { reasons, code, log, stages } = this.store.state;
    const stopped = stages.verify?.status === "done" && ["jit", "run"].find((s) => stages[s]?.not_covered?.length);
    if (reasons === this.reasons && code === this.code && log === this.log && stopped === this.elsewhere) return;
    this.reasons = reasons;
    this.code = code;
    this.log = log;
    this.elsewhere = stopped;
    this.items = [];
    this.stamp = "";
    const early = ["load", "compile"].find((s) => stages[s]?.status === "failed" && stages[s].not_covered?.length);
    const halted = early || stopped;
    const refused = stages.verify?.status === "failed" ? stages.verify.message : "";
    const parts = reasons.stop.length
      ? [this.stop(reasons.stop, "verify")]
      : halted
        ? [this.stop(stages[halted]?.not_covered ?? [], halted)]
        : reasons.fail
          ? [this.failure(), this.chain()].filter(Boolean)
          : refused
            ? [h("article", { class: "fail-card" }, h("h3", null, "Refused before verification"), h("p", { class: "kernel-said" }, h("code", null, refused)))]
            : [];
    fill(this.card, parts);
    this.card.hidden = !parts.length;
    setAttr(this, "data-card", parts.length ? String(parts.length) : null);
  }

  failure() {
    const { fail } = this.reasons;
    const { label, sentence } = category(fail.category);
    const kernel = this.reasons.said(this.store.state.stages.verify?.message ?? "", this.log);
    const said = [kernel.sentence, ...kernel.beside].join("\n");
    const insn = this.code.at(fail.insn);
    const line = fail.line ?? insn?.line;
    const walked = fail.step >= 0 && this.scope.steps.verify.total > 0;
    return h(
      "article",
      { class: "fail-card", "aria-labelledby": "why-label" },
      h("h3", { id: "why-label" }, label, fail.category && label !== fail.category ? h("span", { class: "group", title: "The kernel's name for this category (Linux 7.3 and later)" }, fail.category) : null),
      fail.explanation || sentence ? h("p", { class: "explained" }, fail.explanation || sentence) : null,
      h(
        "p",
        { class: "at-fault" },
        fail.reg ? [this.register(fail.reg, fail.proven), " "] : null,
        walked ? [fail.reg ? "at " : "At ", this.to(Math.min(fail.step, this.scope.steps.verify.total - 1))] : insn ? "Found before verification, at" : null,
        insn ? h("code", { class: "where-insn" }, `${insn.idx}: ${insn.text}`) : null,
        line ? h("span", { class: "hint" }, `line ${line}`) : null,
      ),
      this.sides(fail),
      h("p", { class: "kernel-said" }, h("span", { class: "visually-hidden" }, "The kernel says: "), h("code", null, said)),
    );
  }

  /** What is proven beside what is needed. */
  sides(fail) {
    if (!fail.proven_text && !fail.needed) return null;
    return h(
      "div",
      { class: "sides" },
      fail.proven_text
        ? h(
            "section",
            { class: "side" },
            h("h4", null, "Proven"),
            h("p", null, asSentence(fail.proven_text)),
            fail.proven?.t ? h("code", { class: `kind-${kindOf(fail.proven)}` }, fail.proven.t) : null,
          )
        : null,
      fail.needed ? h("section", { class: "side needed" }, h("h4", null, "Needed"), h("p", null, asSentence(fail.needed))) : null,
    );
  }

  register(name, reg) {
    return h(
      "button",
      {
        type: "button",
        class: "fault-name",
        title: `Select ${name}`,
        on: { click: () => this.store.set({ reg: name, column: "state" }) },
      },
      reg ? glyph(kindOf(reg), Boolean(reg.null)) : null,
      name,
    );
  }

  /** The steps that led there, oldest first. */
  chain() {
    const { causes, fail } = this.reasons;
    if (!causes.length) return null;
    return h(
      "section",
      { class: "chain", "aria-labelledby": "chain-label" },
      h("h3", { id: "chain-label" }, "Steps that led here"),
      h("ol", null, causes.map((cause) => h("li", null, this.cause(cause, fail)))),
    );
  }

  cause(cause, fail) {
    const insn = this.code.at(cause.insn);
    const line = cause.line ?? insn?.line;
    const last = cause.kind === "failed";
    const why = last ? `refused here: ${this.store.state.stages.verify?.message || fail.category}` : cause.why;
    const inside = [
      h("span", { class: "cause-n", "aria-hidden": "true" }, String(cause.n)),
      h(
        "span",
        { class: "cause-words" },
        cause.name && !why.includes(cause.name) ? [h("b", null, `${cause.name}:`), " "] : null,
        why,
        h("span", { class: "cause-where" }, insn ? [cause.step >= 0 ? `step ${cause.step + 1}` : "", line ? ` · line ${line}` : "", " · ", h("code", null, `${insn.idx}: ${insn.text}`)] : "at the start"),
      ),
    ];
    if (cause.step < 0) return h("span", { class: "cause", data: { kind: cause.kind } }, inside);
    const over = () => this.store.set({ hover: { line, insn: cause.insn } });
    const out = () => this.store.set({ hover: null });
    const button = h(
      "button",
      {
        type: "button",
        class: "cause",
        data: { kind: cause.kind },
        on: { click: () => this.go(cause.step), pointerenter: over, pointerleave: out, focus: over, blur: out },
      },
      inside,
    );
    this.items.push({ button, step: cause.step });
    return button;
  }

  /** Where the emulation stops: neither a fault of the program nor a verdict. */
  stop(what, stage) {
    const { stopped } = this.reasons;
    const { options } = this.store.state;
    const insn = stage === "verify" && stopped ? this.code.at(stopped.insn) : null;
    const walked = stage === "verify" && stopped?.step >= 0;
    return h(
      "article",
      { class: "stop-card", "aria-labelledby": "why-label" },
      h("h3", { id: "why-label" }, "The emulation stops here"),
      h("p", { class: "kernel-said" }, h("code", null, `not emulated: ${notEmulated(what)}`)),
      h(
        "p",
        { class: "explained" },
        stage === "run" || stage === "jit"
          ? "The verifier accepted the program, and that verdict is valid. The next stage is not emulated for this program, and bpfscope does not guess."
          : `This is not a verdict. bpfscope does not emulate what ${this.kernel()} does from here on, and it does not guess.`,
      ),
      insn
        ? h(
            "p",
            null,
            "The verifier got as far as ",
            h("code", { class: "where-insn" }, `${insn.idx}: ${insn.text}`),
            insn.line ? h("span", { class: "hint" }, ` line ${insn.line}`) : null,
            walked ? [" after ", this.to(stopped.step), ". The results up to there are valid."] : null,
          )
        : null,
      h("h4", null, "What you can do"),
      h(
        "ul",
        null,
        waysOn(what[0].kind).map((way) => h("li", null, way)),
        stage === "verify" && options.verify !== false
          ? h(
              "li",
              null,
              "Run it unverified: the interpreter checks every memory access. ",
              h("button", { type: "button", class: "chip", on: { click: () => this.scope.run({ verify: false }) } }, "Run without the verifier"),
            )
          : null,
        stage !== "verify" || what[0].kind === "crash" ? null : h("li", null, `Ask ${this.kernel()} itself: `, h("code", null, "bpftool prog load"), " prints its verdict and its log."),
      ),
    );
  }

  // The step under the cursor ------------------------------------------------------------------------------------

  paint() {
    const { pane, dock, view, step, reasons, code } = this.store.state;
    if (pane !== "why" || !dock) return;
    for (const item of this.items ?? []) setAttr(item.button, "aria-current", view === "verify" && item.step === step ? "step" : null);
    if (view !== "verify") {
      this.say("run", () => h("p", { class: "hint" }, "This panel explains the verifier, not runs: choose verifier above."));
      return;
    }
    const here = this.scope.cursor.now();
    if (!here && this.scope.cursor.total > 0) return;
    this.say(here ? `${step}` : "none", () => (here ? this.told(here, reasons, code) : this.card.hidden ? h("p", { class: "hint" }, "This panel explains why a program is refused and why its paths end.") : null));
  }

  /** Replace what is said of the step, unless it is that already. */
  say(stamp, make) {
    const whole = `${stamp}|${this.card.hidden}|${this.store.state.reasons.totals.prunings}`;
    if (this.stamp === whole && this.of === this.store.state.reasons) return;
    this.stamp = whole;
    this.of = this.store.state.reasons;
    fill(this.step, make());
  }

  told(here, reasons, code) {
    const { step } = here;
    const parts = [
      ...this.ended(step, here.raw.path, reasons),
      ...(reasons.prunings.get(step) ?? []).map((pruning) => this.pruning(pruning, here.raw.path)),
      this.remembered(reasons.covers.get(step)),
      this.arrivals(reasons.arrivals.get(step)),
      ...(reasons.marks.get(step) ?? []).map((mark) => this.mark(mark, code)),
    ].filter(Boolean);
    return [
      h("h3", null, `Step ${step + 1}`, h("code", { class: "where-insn" }, `${here.idx}: ${here.insn?.text ?? ""}`)),
      parts.length ? parts : this.nothing(step, reasons),
    ];
  }

  /** A step of which there is no more to say than its state: where the nearest others are. */
  nothing(step, reasons) {
    const [before, after] = reasons.around(step);
    return h(
      "p",
      { class: "hint" },
      step <= reasons.until
        ? "No path ends at this step, no state was compared, and no value had to be precise."
        : `Comparisons and precision are recorded up to step ${reasons.until + 1} only.`,
      before >= 0 || after >= 0 ? " Nearest steps with an explanation: " : "",
      before >= 0 ? this.to(before) : null,
      before >= 0 && after >= 0 ? " and " : "",
      after >= 0 ? this.to(after) : null,
      before >= 0 || after >= 0 ? "." : "",
    );
  }

  item(term, ...words) {
    return h("div", { class: "why-item" }, h("h4", null, term), h("div", { class: "why-words" }, words));
  }

  ended(step, path, reasons) {
    const ends = (reasons.ends.get(step) ?? []).find((each) => each.id === path);
    if (!ends || ends.end === "safe") return [];
    if (ends.end === "exit") return [this.item("Path ends", h("p", null, `Path ${path} reached exit.`))];
    return [];
  }

  pruning(pruning, path) {
    const forked = pruning.path !== path;
    const endless = pruning.rule === "endless";
    const by = pruning.checkpoint >= 0 ? ["the state before ", this.to(pruning.checkpoint)] : "a state seen before";
    return this.item(
      endless ? "Loop" : forked ? "Other way" : "Path ends",
      endless
        ? h("p", null, "The verifier returned to ", by, ", and nothing had changed.")
        : forked
          ? h("p", null, `Path ${pruning.path}, forked here, did not need to be verified: `, by, " covers it.")
          : h("p", null, `Path ${pruning.path} ends here: `, by, " covers it."),
      pruning.text ? h("p", { class: "hint" }, asSentence(pruning.text)) : null,
      pruning.compared
        ? this.more(
            pruning.compared.length ? `What was compared: ${count(pruning.compared.length, "value")}` : "What was compared",
            () => [this.compared(pruning), EXACT[pruning.exact] ? h("p", { class: "hint" }, EXACT[pruning.exact]) : null],
          )
        : null,
    );
  }

  compared({ compared }) {
    if (!compared.length) return h("p", { class: "hint" }, "No register or slot: none of them is read afterwards.");
    const cell = (text) => h("td", null, h("code", { class: `kind-${kindOfText(text) || "none"}` }, text));
    return h(
      "table",
      { class: "why-table" },
      h("thead", null, h("tr", null, ["", "At the checkpoint", "Here"].map((text, i) => (i ? h("th", { scope: "col" }, text) : h("td"))))),
      h("tbody", null, compared.map(([name, old, now]) => h("tr", null, h("th", { scope: "row" }, name), cell(old), cell(now)))),
    );
  }

  remembered(covers) {
    if (!covers?.length) return null;
    const links = covers.slice(0, LINKS).map((each, i) => [i ? ", " : "", `path ${each.path} (after `, this.to(Math.max(0, each.after)), ")"]);
    return this.item("Checkpoint", h("p", null, "The state before this step covered ", links, covers.length > LINKS ? ` and ${covers.length - LINKS} more` : "", "."));
  }

  arrivals(arrivals) {
    if (!arrivals?.length) return null;
    return this.item(
      "Not covered",
      this.more(`${count(arrivals.length, "checkpoint")} did not cover this state`, () =>
        h(
          "ul",
          { class: "arrivals" },
          arrivals.slice(0, ARRIVALS).map((arrival) => h("li", null, "before ", this.to(Math.max(0, arrival.checkpoint)), `: ${asSentence(arrival.text)}`)),
          arrivals.length > ARRIVALS ? h("li", { class: "hint" }, `and ${arrivals.length - ARRIVALS} more`) : null,
        ),
      ),
    );
  }

  mark(mark, code) {
    const names = mark.names.join(", ");
    return this.item(
      "Precise",
      h("p", null, h("b", { class: "reg-word" }, names), ` had to be precise: ${mark.text}.`),
      mark.chain.length
        ? this.more(`Tracked back over ${count(mark.chain.length, "instruction")}`, () => this.back(mark, code))
        : null,
    );
  }

  /** The instructions precision was walked back over, newest first. */
  back(mark, code) {
    const insns = mark.chain.map(([idx]) => idx);
    return h(
      "ol",
      { class: "back" },
      mark.chain.map(([idx, names], i) =>
        h(
          "li",
          null,
          idx < 0
            ? "not tracked further: before this, every number counts as precise"
            : [
                h("button", { type: "button", class: "line-link", on: { click: () => void this.scope.search.backTo(mark.step, insns.slice(0, i + 1)) } }, h("code", null, `${idx}: ${code.at(idx)?.text ?? ""}`)),
                names.length ? h("span", { class: "hint" }, ` ${names.join(", ")}`) : null,
              ],
        ),
      ),
    );
  }

  /** Something folded away; its content is made when it is first opened. */
  more(summary, make) {
    const body = h("div", { class: "more-body" });
    const details = h("details", { class: "more", on: { toggle: () => details.open && !body.firstChild && fill(body, make()) } }, h("summary", null, summary), body);
    return details;
  }
}
