/**
 * Back and Forward. Each entry of the browser's history keeps the program it showed, as it stood when it was left, and
 * the address keeps the step, register and panel (core/link.js). Going to an entry shows both again.
 */
import { dropDraft, saveDraft } from "./draft.js";
import { fragment, looks, placed, readFragment } from "./link.js";
import { packedIn } from "./packed.js";
import { plain as plainShape } from "./shape.js";
import { opened } from "./store.js";

/** @import { Place } from "./link.js" */
/** @import { StoredRun, Scope } from "./scope.js" */
/** @import { State, StoredProgram } from "./store.js" */

/**
 * An entry of the browser's history. `program` is null where it is too long to be kept.
 * @typedef {{key: string, program: StoredProgram | null, ran: boolean}} Entry
 */

/** An entry with a longer source is loaded from its address instead: browsers limit what an entry may hold. */
const LONGEST = 256 << 10;
/** Milliseconds without a move after which the place is written into the entry: it takes as long as a frame. */
const PAUSE = 400;
/** Milliseconds after which it is written although the moves go on. */
const LATEST = 3000;

const newKey = () => Math.random().toString(36).slice(2);

export class Trail {
  /**
   * @param {Scope} scope
   * @param {{panes: string[]}} known panels that a link may open
   */
  constructor(scope, known) {
    this.scope = scope;
    this.known = known;
    this.key = newKey();
    this.timer = 0;
    /** When the first move was made that is not written yet. */
    this.moved = 0;
    this.note();
    let first = true; // said when subscribing: nothing has moved yet
    scope.store.on(["step", "view", "reg", "pane", "edited", "packetRun", "program"], () => {
      if (!first) this.later();
      first = false;
    });
    addEventListener("popstate", (event) => this.went(event.state));
  }

  /** The text was changed: what the address names is no longer in the page, and a reload shall bring back the text. */
  edited() {
    const { store } = this.scope;
    const { program } = store.state;
    if (!document.documentElement.dataset.frame && (location.pathname !== "/" || program.packed)) history.replaceState(history.state, "", "/");
    if (program.packed) store.set({ program: { ...program, packed: "" } });
  }

  /** Write the place into the entry once it rests. */
  later() {
    const now = performance.now();
    if (!this.timer) this.moved = now;
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => this.note(true), Math.min(PAUSE, Math.max(0, this.moved + LATEST - now)));
  }

  /** Write the program, and with `cursor` also the cursor, into the current entry. */
  note(cursor = false) {
    clearTimeout(this.timer);
    this.timer = 0;
    const { state } = this.scope;
    const { id = null, example = null, view: _, ...rest } = state.program;
    const request = this.scope.protocol.request();
    /** @type {StoredProgram | null} */
    const program = state.source.length + JSON.stringify(state.files).length > LONGEST ? null : { ...rest, id, example, request };
    const ran = state.ran?.edited === state.edited;
    try {
      history.replaceState({ key: this.key, program, ran }, "", cursor ? fragment(state, state.program.packed) : location.href);
    } catch {
      // Too often or too much for this browser: the entry stays as it was.
    }
  }

  /** Open a program under an address of its own. @param {string} address @param {StoredProgram} program @param {StoredRun | null} record */
  open(address, program, record) {
    this.note(true);
    dropDraft();
    this.key = newKey();
    history.pushState({ key: this.key, program, ran: true }, "", address);
    this.show(program, record, true);
  }

  /** The browser went to an entry. @param {Entry | null} entry */
  went(entry) {
    clearTimeout(this.timer);
    this.timer = 0;
    if (!entry?.key || entry.key === this.key) {
      // The same program with another fragment: a link within the page, or an address edited by hand.
      const packed = packedIn();
      if (!entry?.key && packed && packed !== this.scope.state.program.packed) {
        location.reload(); // the address has another program in it
        return;
      }
      if (!entry?.key) this.note();
      this.cursor(readFragment());
      return;
    }
    if (!entry.program) {
      location.reload();
      return;
    }
    this.key = entry.key;
    this.show(entry.program, null, entry.ran);
    // Without an address of its own the text is kept as a draft is: for a reload.
    if (location.pathname === "/") saveDraft(this.scope.state);
  }

  /**
   * Put a program into the page with what the address says of the cursor, and run it unless it was not run before.
   * @param {StoredProgram} program
   * @param {StoredRun | null} record
   * @param {boolean} run
   */
  show(program, record, run) {
    const { scope } = this;
    const want = placed(record || run ? program.view : null, readFragment());
    load(scope, program);
    scope.protocol.restore = want.step === null ? null : { step: want.step, stage: want.stage ?? "verify", packet: want.packet };
    scope.store.set(this.looks(want));
    if (record) scope.protocol.adopt(record);
    else if (run) scope.run();
    else scope.protocol.rest();
  }

  /** The page is new: take up where its link points. @param {StoredProgram} program */
  begin(program) {
    const { scope } = this;
    const want = placed(program.view, readFragment());
    scope.protocol.restore = want.step === null ? null : { step: want.step, stage: want.stage ?? "verify", packet: want.packet };
    scope.store.set({ ...this.looks(want), ...looks(program.view, scope.state) });
  }

  /** What of a fragment is kept in the store. @param {Place} want @returns {Partial<State>} */
  looks(want) {
    const view = want.stage ?? "verify";
    return { reg: want.reg ?? "", pane: this.pane(want) ?? "log", view, focusStage: view };
  }

  /** The panel that a fragment names, if there is such a panel. @param {Place} want */
  pane({ pane }) {
    return pane !== null && this.known.panes.includes(pane) ? pane : null;
  }

  /** @param {Place} want */
  cursor(want) {
    if (want.step === null) return;
    const { scope } = this;
    if (want.packet !== scope.state.packetRun && scope.state.stages.run?.runs?.[want.packet]) scope.cursor.packet(want.packet);
    if (want.stage && want.stage !== scope.state.view) scope.cursor.show(want.stage, want.step);
    else scope.cursor.goto(want.step);
    if (want.reg) scope.store.set({ reg: want.reg });
    const pane = this.pane(want);
    if (pane) scope.store.set({ pane });
  }
}

/** Put a program into the page, as if it had come with it. @param {Scope} scope @param {StoredProgram} program */
export function load(scope, program) {
  scope.store.set({
    ...opened(program),
    ownInput: false,
    edited: scope.state.edited + 1,
    opened: scope.state.opened + 1,
    view: "verify",
    reg: "",
    breakpoints: [],
    kernels: null,
    shape: { ...plainShape(), view: scope.state.shape.view },
    stages: {},
    status: { state: "idle", message: "" },
  });
  scope.store.flush();
}
