/**
 * Why: the rejection with what led to it, or where the emulation stops; and of the step under the cursor why its path
 * ends there, what was remembered and compared, and which values had to be precise. Tables are made when opened.
 */
import { Panel } from "../core/panel.js";
import { fill, h, setAttr } from "../ui/dom.js";
import { WhyAnswers } from "./why-answers.js";
import { readFromLog } from "./why-log.js";
import { chain, refusedEarly, rejection } from "./why-rejection.js";
import { told } from "./why-step.js";
import { stop } from "./why-stop.js";

/** @import { Reasons } from "../core/reasons.js" */
/** @import { StageName, State } from "../core/store.js" */
/** @import { Child } from "../types/page.js" */

/**
 * What links in an explanation do.
 * @typedef {{
 *   to: (step: number) => HTMLElement, go: (step: number) => void, select: (reg: string) => void,
 *   hover: (over: State["hover"]) => void, backTo: (step: number, insns: number[]) => void,
 * }} Links `to` makes a link to a step; `backTo` goes back from a step to where the last of `insns` was visited
 */

export class WhyPane extends Panel {
  /** @type {HTMLDivElement} */
  card;
  /** @type {HTMLElement} */
  step;
  /** @type {HTMLElement} what is said of a log that was read */
  log;
  /** @type {WhyAnswers} */
  answers;
  /** @type {(State[keyof State] | string | number | undefined)[]} what the cards were made of */
  made = [];
  /** @type {{button: HTMLElement, step: number}[]} links of the chain, to mark the one under the cursor */
  items = [];
  /** What is said of the step under the cursor. */
  stamp = "";
  /** @type {Reasons | undefined} the reasons that is made of */
  of;

  /** @override */
  build() {
    this.card = h("div", { class: "why-card" });
    this.step = h("section", { class: "why-step", "aria-label": "This step" });
    this.answers = new WhyAnswers(this.scope);
    this.log = h("div", { class: "why-log", hidden: true });
    this.append(this.card, h("div", { class: "why-side" }, this.log, this.answers.element, this.step));
    this.store.on(["reasons", "code", "log", "stages", "windows"], () => this.about());
    this.store.on(["pane", "dock", "reasons", "analyses", "status", "ran", "edited"], () => this.answers.paint());
    this.store.on(["step", "view", "windows", "pane", "dock", "reasons", "code"], () => this.paint());
  }

  /** @returns {Links & {unverified: () => void}} */
  get links() {
    const { scope, store } = this;
    /** @param {number} step */
    const go = (step) => {
      if (store.state.view !== "verify") scope.cursor.show("verify", step);
      else scope.cursor.goto(step);
    };
    return {
      go,
      to: (step) => h("button", { type: "button", class: "line-link step-link", on: { click: () => go(step) } }, `step ${step + 1}`),
      select: (reg) => store.set({ reg, column: "state" }),
      hover: (hover) => store.set({ hover }),
      backTo: (step, insns) => void scope.search.backTo(step, insns),
      unverified: () => scope.run({ verify: false }),
    };
  }

  // The program: made once a verdict is here ---------------------------------------------------------------------

  about() {
    const { reasons, code, log, stages } = this.store.state;
    const stopped = stages.verify?.status === "done" ? uncovered(stages, ["jit", "run"]) : undefined;
    const made = [reasons, code, log, stopped, stages.verify?.read_from, code.filled];
    if (made.every((each, i) => each === this.made[i])) return;
    this.made = made;
    this.items = [];
    this.stamp = "";
    const parts = this.parts(stopped).filter(Boolean);
    fill(this.card, parts);
    const from = stages.verify?.read_from;
    this.log.hidden = !from;
    fill(this.log, from ? readFromLog(from, this.store.state, { ...this.links, choose: (program) => this.scope.run({ program }) }) : null);
    this.card.hidden = !parts.length;
    setAttr(this, "data-card", parts.length ? String(parts.length) : null);
  }

  /**
   * The cards, most important first.
   * @param {StageName | undefined} stopped a stage behind the verifier that is not emulated
   * @returns {Child[]}
   */
  parts(stopped) {
    const { state } = this.store;
    const { reasons, stages } = state;
    if (reasons.stop.length) return [stop(reasons.stop, "verify", state, this.links)];
    const halted = uncovered(stages, ["load", "compile"], "failed") ?? stopped;
    if (halted) return [stop(stages[halted]?.not_covered ?? [], halted, state, this.links)];
    if (reasons.fail) {
      const { element, items } = chain(state, this.links);
      this.items = items;
      return [rejection(reasons.fail, state, this.scope.steps.verify.total, this.links, this.answers.search), element];
    }
    const refused = stages.verify?.status === "failed" && !stages.verify.read_from ? stages.verify.message : "";
    return refused ? [refusedEarly(refused)] : [];
  }

  // The step under the cursor ------------------------------------------------------------------------------------

  paint() {
    const { pane, dock, view, step } = this.store.state;
    if (pane !== "why" || !dock) return;
    for (const item of this.items) setAttr(item.button, "aria-current", view === "verify" && item.step === step ? "step" : null);
    if (view !== "verify") {
      this.say("run", () => h("p", { class: "hint" }, "This panel explains the verification. Choose the verifier stage above to see it."));
      return;
    }
    const here = this.scope.cursor.walked();
    if (!here && this.scope.cursor.total > 0) return;
    const silent = () => (this.card.hidden ? h("p", { class: "hint" }, "This panel explains why a program is refused and why its paths end.") : null);
    this.say(here ? `${step}` : "none", () => (here ? told(here, this.store.state, this.links) : silent()));
  }

  /**
   * Replace what is said of the step, unless it is that already.
   * @param {string} stamp
   * @param {() => Child} make
   */
  say(stamp, make) {
    const { reasons, code } = this.store.state;
    const whole = `${stamp}|${this.card.hidden}|${reasons.totals.prunings}|${code.filled}`;
    if (this.stamp === whole && this.of === reasons) return;
    this.stamp = whole;
    this.of = reasons;
    fill(this.step, make());
  }
}

/**
 * The first of some stages that met what is not emulated.
 * @param {State["stages"]} stages
 * @param {StageName[]} names
 * @param {string} [status] that it must have
 */
const uncovered = (stages, names, status) => names.find((name) => stages[name]?.not_covered?.length && (!status || stages[name]?.status === status));
