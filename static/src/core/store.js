/**
 * The one store. Panels read it and subscribe to keys; changes made in one turn reach each panel once, in the
 * next animation frame, so a key press costs one paint.
 */

/** @import { Compiled, Executed, Loaded, Options, Refused, Request, StageMessage, Translated, Verified } from "../types/messages.js" */

/** @typedef {Request["kind"]} SourceKind */
/** @typedef {NonNullable<Request["input"]> | import("../types/page.js").GivenInput} Input */
/** @typedef {StageMessage["stage"]} StageName */

/**
 * What is known of a stage: its last message. Which fields it has depends on its status; `stopped` is said by the page of
 * a stage that was at work when the run ended.
 * @template {{stage: StageName}} M the stage's message when it is done
 * @typedef {{stage: M["stage"], status: StageMessage["status"] | "stopped"}
 *   & Partial<Omit<M, "stage" | "status">> & Partial<Omit<Refused, "stage" | "status">>} StageOf
 */

/**
 * @typedef {{
 *   compile?: StageOf<Compiled>, load?: StageOf<Loaded>, verify?: StageOf<Verified>, jit?: StageOf<Translated>,
 *   run?: StageOf<Executed>,
 * }} Stages
 */

/** @typedef {NonNullable<Stages[StageName]>} Stage */

/** @typedef {"verify" | "run"} View the verifier's walk or the machine's run */

/**
 * A program as the server puts it into the page, and as an entry of the browser's history keeps it.
 * `view`: what a link restores of the page; `packed`: the program as a link carries it, where none is stored.
 * @typedef {{
 *   id: string | null, example: string | null, title: string, request: Request,
 *   view?: import("../types/messages.js").View | null, packed?: string,
 * }} StoredProgram
 */

/** A register ("r3"), a slot of the stack ("fp-8") or, in a run, an address ("@0x10"). @typedef {{name: string, frame: number}} Selected */

/**
 * What the page shows and where its cursor is. `source` to `ownInput` are the program as it stands in the page; `ran` is
 * the program that `stages` and all that is made of them (`code`, `log`, `machine`, `reasons`) belong to.
 * @typedef {{
 *   program: Partial<StoredProgram> & {title: string},
 *   kind: SourceKind,
 *   source: string,
 *   files: import("./files.js").Files,
 *   file: string,
 *   upload: {file: Blob, name: string} | null,
 *   beside: NonNullable<Request["beside"]> | null,
 *   options: Options,
 *   input: Input,
 *   kernel: string,
 *   edited: number,
 *   opened: number,
 *   ownInput: boolean,
 *   ran: (Request & {edited: number}) | null,
 *   status: {state: string, message: string, ms?: number},
 *   stages: Stages,
 *   rest: string,
 *   view: View,
 *   step: number,
 *   windows: number,
 *   reg: string,
 *   hover: {line?: number | null, file?: string, insn?: number} | null,
 *   pane: string,
 *   dock: boolean,
 *   column: string,
 *   base: "dec" | "hex",
 *   focusStage: StageName | "source" | "object",
 *   packetRun: number,
 *   code: import("./model.js").Code,
 *   log: import("./model.js").Log,
 *   machine: import("./model.js").Machine,
 *   reasons: import("./reasons.js").Reasons,
 *   analyses: Partial<Record<import("./analyses.js").Question, import("./analyses.js").Answer>>,
 *   kernelsOpen: boolean,
 *   kernels: import("../types/messages.js").AskedKernels | null,
 *   kernelLog: import("../types/messages.js").KernelCell | null,
 *   heat: boolean,
 *   breakpoints: import("./breakpoints.js").Breakpoint[],
 *   playing: boolean,
 *   speed: number,
 *   layout: import("./layout.js").Layout,
 *   peek: string,
 *   found: string,
 *   notice: string,
 *   selected: Selected | null,
 *   asking: "" | "open" | "pinned",
 *   value: (import("../types/messages.js").Value & {message?: string}) | null,
 *   facts: import("../types/messages.js").ProvedFacts | null,
 *   ink: boolean,
 *   shape: import("./shape.js").Shown,
 * }} State `files`: headers of the user's own beside the source; `file`: which of them the editor shows, "" for the source.
 *   `notice`: what is said once, until it is dismissed. `kernel`: release of the emulated kernel, as the server says it. `upload`: a log that no
 *   message carries, then `source` is empty; `beside`: the source beside a log. `edited` counts changes of the program,
 *   `opened` programs that were opened, so that the editor starts afresh with each. `ownInput`: the input was changed by
 *   hand and stays when another program is pasted. `windows` counts arrivals of steps. `kernelsOpen`: whether the strip of real
 *   kernels is shown; `kernels`: what they were asked, for links; `kernelLog`: the answer of a real kernel
 *   whose log is shown instead of the emulated one. `reg` is `selected` as steps spell
 *   it. `asking`: whether the history of the selected value is shown, and stays; `value`: what is known of it, `facts`: what
 *   branches proved; `ink`: whether that is shown.
 *   `rest`: why no more events of a recording are replayed than those that are, where some are missing and the run has ended.
 *   `heat`: the gutters show what each line and instruction costs. `speed`: steps a second while `playing`.
 */

/** The part of the state that a program sets when it is opened. @param {StoredProgram} program */
export function opened(program) {
  const { request } = program;
  return {
    program,
    kind: request.kind,
    source: request.source ?? "",
    files: request.files ?? {},
    file: "",
    upload: null,
    beside: request.beside ?? null,
    options: { ...request.options },
    input: { ...(request.input ?? { kind: /** @type {const} */ ("auto") }) },
  };
}

export class Store {
  /** @param {State} initial */
  constructor(initial) {
    this.state = initial;
    /** @type {Set<string>} */
    this.dirty = new Set();
    /** @type {{keys: string[], run: (changed: Set<string>) => void}[]} */
    this.readers = [];
    /** How many of them come before the others, whenever they were added. */
    this.firsts = 0;
    /** @type {{keys: string[], run: (changed: Set<string>) => void}[]} those that do not wait for the frame */
    this.eager = [];
    /** @type {Set<string>} what these were not told yet */
    this.untold = new Set();
    this.scheduled = false;
  }

  /**
   * Change keys; readers of those that differ run in the next frame.
   * @param {Partial<State>} patch
   */
  set(patch) {
    const state = /** @type {Record<string, unknown>} */ (this.state);
    for (const [key, value] of Object.entries(patch)) {
      if (Object.is(state[key], value)) continue;
      state[key] = value;
      this.dirty.add(key);
      this.tell(key);
    }
    if (this.dirty.size && !this.scheduled) {
      this.scheduled = true;
      // A hidden tab gets no frames; it must still follow the run.
      if (document.visibilityState === "visible") requestAnimationFrame(() => this.flush());
      else setTimeout(() => this.flush(), 0);
    }
  }

  /** @param {string} key */
  tell(key) {
    if (!this.eager.some(({ keys }) => keys.includes(key))) return;
    if (!this.untold.size) queueMicrotask(() => this.runEager());
    this.untold.add(key);
  }

  /** Run now what would run at the end of this turn. */
  runEager() {
    const changed = this.untold;
    this.untold = new Set();
    for (const reader of this.eager) if (reader.keys.some((key) => changed.has(key))) reader.run(changed);
  }

  /** Run now what would run in the next frame. */
  flush() {
    this.scheduled = false;
    if (this.untold.size) this.runEager();
    if (!this.dirty.size) return;
    const changed = this.dirty;
    this.dirty = new Set();
    for (const reader of this.readers) if (reader.keys.some((key) => changed.has(key))) reader.run(changed);
  }

  /**
   * Call `run` now and whenever one of `keys` changed.
   * @param {(keyof State)[]} keys
   * @param {(changed: Set<string>) => void} run
   */
  on(keys, run) {
    this.readers.push({ keys, run });
    run(new Set(keys));
  }

  /**
   * As on(), but before all others: for what asks the browser where something stands, which takes a layout of all that
   * was painted before it.
   * @param {(keyof State)[]} keys
   * @param {(changed: Set<string>) => void} run
   */
  first(keys, run) {
    this.readers.splice(this.firsts++, 0, { keys, run });
    run(new Set(keys));
  }

  /**
   * As on(), but at the end of the turn in which a key changed and not in the next frame: for what asks the server, so that
   * the answer is on its way while the frame is painted.
   * @param {(keyof State)[]} keys
   * @param {(changed: Set<string>) => void} run
   */
  soon(keys, run) {
    this.eager.push({ keys, run });
    run(new Set(keys));
  }
}
