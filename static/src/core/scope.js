/** What panels are given: the store, the cursor, searches and the protocol, made from what came with the page. */
import { Analyses } from "./analyses.js";
import { keepBreakpoints, kept } from "./breakpoints.js";
import { choices, keepChoices } from "./choices.js";
import { Cursor } from "./cursor.js";
import { saveDraft } from "./draft.js";
import { keptHeat } from "./heat.js";
import { readLayout } from "./layout.js";
import { Lists, needs } from "./lists.js";
import { Code, Log, Machine } from "./model.js";
import { Player } from "./player.js";
import { PollSocket } from "./polling.js";
import { Protocol } from "./protocol.js";
import { Reasons } from "./reasons.js";
import { Search } from "./search.js";
import { Seeker } from "./seeker.js";
import { Session } from "./session.js";
import { Shapes, plain as plainShape } from "./shape.js";
import { Steps } from "./steps.js";
import { Store, opened } from "./store.js";
import { Values, inkWanted } from "./values.js";
import { calm } from "../ui/dom.js";

/** @import { Limits, ServerMessage } from "../types/messages.js" */
/** @import { StoredProgram } from "./store.js" */

/** @typedef {{ws: string, poll?: string, examples: string, analyses?: string[], asked?: Record<string, Record<string, unknown>[]>, file?: boolean, kernel?: string, kernels?: string[], kernels_missing?: string, limits?: Partial<Limits>}} Config `kernels_missing`: what the server lacks for real kernels, "" if nothing or not known yet */

/** A stored run: its id and its messages. @typedef {{run: string, messages: ServerMessage[]}} StoredRun */

/** @typedef {{program: StoredProgram, record: StoredRun | null, config: Config, ownInput?: boolean, connect?: () => import("./session.js").Connection}} Boot what the server put into the page; `connect`: what stands for it in a page that is a file */

export class Scope {
  /** @param {Boot} boot */
  constructor(boot) {
    this.config = boot.config;
    this.store = new Store(first(boot));
    const url = new URL(boot.config.ws, location.href);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    this.session = new Session(
      url.href,
      (message) => this.protocol.handle(message),
      (news) => {
        if (news.state === "lost" || news.state === "given-up") {
          this.values.lost();
          this.shapes.lost();
        }
        this.protocol.connection(news);
      },
      { connect: boot.connect, ...(boot.connect ? { fitting: null } : {}), other: boot.config.poll ? () => new PollSocket(String(boot.config.poll)) : null },
    );
    this.steps = new Steps((stage, from, to, run) => this.session.window(stage, from, to, run));
    this.steps.limit(boot.config.limits);
    this.lists = new Lists((list, from, to) => this.session.part(list, from, to));
    this.cursor = new Cursor(this.store, this.steps);
    this.values = new Values(this.store, this.cursor, this.session);
    this.shapes = new Shapes(this.store, this.session);
    this.seeker = new Seeker(this.session);
    // A run in a file has no server that searches.
    this.seeker.limit(boot.connect ? null : boot.config.limits);
    this.search = new Search(this.cursor, this.lists, this.seeker, this.values);
    this.player = new Player(this.store, this.cursor, this.search, calm);
    this.analyses = new Analyses(this.store, this.session, boot.config.analyses ?? [], Boolean(boot.config.file), boot.config.asked);
    this.protocol = new Protocol(this.store, this.steps, this.cursor, this.session, this.analyses, this.lists, this.seeker, this.values, this.shapes);
    this.store.on(["view", "pane", "dock", "step", "stages", "windows", "shape"], () => needs(this.store.state, this.lists));
    keepBreakpoints(this.store);
    keepChoices(this.store);
    /** @type {import("./trail.js").Trail | null} */
    this.trail = null;
  }

  get state() {
    return this.store.state;
  }

  /** Send the program through the whole pipeline; `extra` options are kept. @param {import("../types/messages.js").Options} extra */
  run(extra = {}) {
    this.protocol.run(extra);
  }

  /** Run the program on what was recorded of it, and step the first event. */
  stepRecording() {
    this.protocol.restore = { step: 0, stage: "run", packet: 0 };
    this.run();
  }

  /**
   * Run the program on the input of a counterexample, and show the last step of that run: where it stops.
   * @param {string} json
   */
  runGiven(json) {
    this.store.set({ input: { kind: "given", json }, ownInput: false, edited: this.state.edited + 1, pane: "output", dock: true });
    saveDraft(this.state);
    this.protocol.restore = { step: Number.MAX_SAFE_INTEGER, stage: "run", packet: 0 };
    this.run();
  }
}

/**
 * What the store holds at the start.
 * @param {Boot} boot
 * @returns {import("./store.js").State}
 */
function first({ program, config, ownInput = false }) {
  const { request } = program;
  return {
    ...opened(program),
    kernel: config.kernel ?? "",
    edited: 0,
    opened: 0,
    ownInput,
    ran: null,
    status: { state: "idle", message: "" },
    stages: {},
    view: "verify",
    step: 0,
    windows: 0,
    reg: "",
    hover: null,
    pane: "log",
    focusStage: "verify",
    packetRun: 0,
    code: new Code(null),
    log: new Log(null),
    machine: new Machine(null),
    reasons: new Reasons(null),
    analyses: {},
    kernelsOpen: false,
    kernels: null,
    kernelLog: null,
    heat: keptHeat(),
    breakpoints: kept({ kind: request.kind, source: request.source ?? "" }),
    playing: false,
    layout: readLayout(),
    ...choices(),
    peek: "",
    found: "",
    rest: "",
    notice: "",
    selected: null,
    asking: "",
    value: null,
    facts: null,
    ink: inkWanted(),
    shape: plainShape(),
  };
}
