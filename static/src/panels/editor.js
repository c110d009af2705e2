/**
 * The source column. CodeMirror lives in a shadow root, where its styles go through adoptedStyleSheets, so the page
 * needs no inline style. Keeps C lines tied to the program that ran while the text is edited further.
 */
import { isolateHistory } from "@codemirror/commands";
import { diagnosticCount, setDiagnostics } from "@codemirror/lint";
import { Text, Transaction } from "@codemirror/state";
import { EditorView } from "@codemirror/view";
import { at, known, lineValue, placeOf, toggled, withCode } from "../core/breakpoints.js";
import { saveDraft } from "../core/draft.js";
import { Panel } from "../core/panel.js";
import { fill, h, setText } from "../ui/dom.js";
import { size } from "../ui/format.js";
import { closer } from "./closer.js";
import { Beside } from "./editor-beside.js";
import { lineOf, markedLines, marksOf as breakpointMarks, setBreakpoints } from "./editor-breakpoints.js";
import { diagnosticsOf } from "./editor-diagnostics.js";
import { InkMarks } from "./editor-ink.js";
import { Intake } from "./editor-intake.js";
import { marksOf, setMarks } from "./editor-marks.js";
import { FileTabs } from "./editor-tabs.js";
import { editorState, originOf, setKind, isFixed } from "./editor-setup.js";
import { offers } from "./offers.js";
import { RanText } from "./ran-text.js";

/** @import { EditorState, Line } from "@codemirror/state" */
/** @import { ViewUpdate } from "@codemirror/view" */
/** @import { SourceKind, Stages } from "../core/store.js" */
/** @import { Edit } from "../types/messages.js" */
/** @import { Origin } from "./editor-setup.js" */

/** @type {[SourceKind, string][]} */
const KINDS = [["c", "C"], ["asm", "Assembly"], ["hex", "Hex"], ["elf", "Object"], ["listing", "Listing"], ["log", "Verifier log"]];

export class Editor extends Panel {
  /** @type {HTMLSelectElement} */
  kinds;
  /** @type {HTMLSpanElement} */
  said;
  /** @type {HTMLDivElement} */
  missing;
  /** @type {HTMLDivElement} */
  host;
  /** @type {HTMLInputElement} */
  chooser;
  /** @type {EditorView} */
  view;
  /** @type {Intake} */
  intake;
  /** @type {InkMarks} */
  ink;
  /** The text that is shown. */
  ran = new RanText();
  /** File that is shown, "" for the source. */
  file = "";
  /** What is kept of files while another one is shown. @type {Map<string, {state: EditorState, ran: RanText}>} */
  kept = new Map();
  /** @type {FileTabs} */
  tabs;
  /** Step and view by which the shown file was chosen last. */
  followed = "";
  /** @type {unknown} the compilation whose first error's file was shown */
  turned;
  opened = 0;
  /** True once something was written or clicked: Tab then indents. */
  writing = false;
  /** Kind of source the view is set up for. */
  kind = "";
  /** @type {string | undefined} what the marks were made of */
  stamp;
  /** @type {number | undefined} start of the line that was last brought into sight */
  shown;
  /** @type {Stages["verify"] | undefined} the log whose message was brought into sight */
  told;
  /** @type {unknown} what ran when the person typed, moved the cursor or scrolled last */
  touched;
  /** @type {Stages["verify"] | undefined} the rejection whose line was brought into sight */
  brought;
  /** @type {Partial<Stages> | undefined} the stages whose diagnostics are shown */
  diagnosed;
  /** @type {Record<string, string> | undefined} source lines of an object that are shown */
  lines;
  /** True while the text is set by the page, not by the person. */
  loading = false;

  /** @override */
  build() {
    const { store } = this;
    this.kinds = h("select", { class: "kind-select", "aria-label": "Kind of source", on: { change: () => this.changeKind(this.kinds.value) } });
    for (const [value, text] of KINDS) this.kinds.append(h("option", { value }, text));
    this.said = h("span", { class: "column-info", role: "status" });
    this.missing = h("div", { class: "missing", hidden: true });
    this.host = h("div", { class: "editor-host" });
    this.chooser = h("input", { type: "file", multiple: true, hidden: true, "aria-label": "Open files", on: { change: () => this.openFile() } });
    const open = h("button", { type: "button", class: "chip", on: { click: () => this.chooser.click() } }, "Open…");
    this.ink = new InkMarks(this.scope, (line) => this.place(line));
    this.tabs = new FileTabs(this.scope, () => this.view.focus());
    this.replaceChildren(
      h("div", { class: "column-head" }, h("h2", { class: "column-title visually-hidden" }, "Source"), this.kinds, open, this.tabs.adds, this.ink.button, this.said, closer(store, "code", "the source"), this.chooser),
      this.tabs.element,
      this.host,
      this.missing,
    );
    this.intake = new Intake(store, () => this.view, this.said, this.scope.config.limits ?? {}, () => this.scope.run(), () => this.scope.stepRecording());
    const root = this.host.attachShadow({ mode: "open" });
    this.append(new Beside(this.scope).element);
    this.kind = this.look();
    this.view = new EditorView({ state: this.fresh(this.kind === "elf" ? "" : store.state.source), parent: root, root });
    this.opened = store.state.opened;
    // A sentence in the text is as wide as what is in sight, not as the longest line.
    new ResizeObserver(([entry]) => this.host.style.setProperty("--code-width", `${Math.max(160, entry.contentRect.width - 64)}px`)).observe(this.host);
    this.addEventListener("take-focus", () => this.view.focus());
    for (const scrolls of ["wheel", "touchmove"]) this.host.addEventListener(scrolls, () => (this.touched = store.state.ran), { passive: true });
    store.first(["source", "files", "file", "kind", "opened"], () => this.fromStore());
    store.first(["ran"], () => {
      this.moveBreakpoints();
      this.ran.begin(this.view.state.doc);
      for (const { state: kept, ran } of this.kept.values()) ran.begin(kept.doc);
    });
    store.first(["breakpoints", "ran", "opened", "code", "file"], () => this.markBreakpoints());
    document.addEventListener("arranged", () => this.view.requestMeasure());
    store.first(["step", "view", "windows", "code", "hover", "stages", "log", "reasons", "heat", "analyses", "file"], () => this.mark());
    store.first(["stages", "file"], () => this.diagnose());
    store.first(["step", "view", "windows", "code", "facts", "ink", "opened", "kind", "file"], () => this.ink.paint(this.view));
  }

  /** @param {string} text */
  fresh(text) {
    return editorState(text, this.look(), {
      origin: () => this.origin(),
      updated: (update) => this.updated(update),
      extend: (transaction) => (this.loading || this.file ? null : this.intake.startsOver(transaction)),
      leave: () => this.leave(),
      breakpoint: (from) => this.breakpoint(from),
      indents: () => this.writing,
      events: {
        // Tab indents once something is written or clicked; who tabs through the page is not caught here.
        blur: () => {
          this.writing = false;
        },
        pointerdown: () => {
          this.writing = true;
        },
        paste: (event, view) => !isFixed() && !this.file && this.intake.paste(event, view),
        click: (event, view) => this.clicked(event, view),
        mousemove: (event, view) => this.hover(view.posAtCoords({ x: event.clientX, y: event.clientY })),
        mouseleave: () => this.store.set({ hover: null }),
        dragover: () => true,
        drop: (event) => Boolean(event.dataTransfer?.files.length),
      },
    });
  }

  leave() {
    const list = /** @type {HTMLElement | null} */ (document.querySelector("bs-insns .vl"));
    list?.dispatchEvent(new Event("take-focus"));
    list?.focus();
    return true;
  }

  /** @param {ViewUpdate} update */
  updated(update) {
    if (!this.loading && (update.docChanged || update.selectionSet)) this.touched = this.store.state.ran;
    if (!update.docChanged) return;
    this.ran.edited(update.changes);
    if (this.loading) return;
    this.writing = true;
    const { store } = this;
    const { status } = store.state;
    const origin = originOf(update.transactions);
    const text = update.state.doc.toString();
    store.set({
      ...(origin ? { ...origin, breakpoints: [] } : {}),
      ...(this.file ? { files: { ...store.state.files, [this.file]: text } } : { source: text }),
      edited: store.state.edited + 1,
      // What was wrong with the text before says nothing of this one.
      ...(status.state === "error" ? { status: { state: "idle", message: "" } } : {}),
    });
    if (origin) this.intake.of = origin.program;
    setText(this.said, "");
    saveDraft(store.state);
    this.scope.trail?.edited();
  }

  /** What the text is at present, to come back to. @returns {Origin} */
  origin() {
    const { kind, files, options, input, program, beside } = this.store.state;
    return { kind, files, options, input, program, beside };
  }

  /** How the text is shown: as its kind, or as what the page made of it. */
  look() {
    const { kind, upload } = this.store.state;
    return kind === "log" && upload ? "upload" : kind;
  }

  /** Whether the text is not the person's own. */
  get made() {
    return ["elf", "upload"].includes(this.look());
  }

  /** The text was set from outside (an example, a link, an object): the editor starts afresh, its history too. */
  fromStore() {
    const { source, files, file, kind, opened } = this.store.state;
    if (this.kinds.value !== kind) this.kinds.value = kind;
    if (opened !== this.opened) this.kept.clear();
    for (const name of this.kept.keys()) if (name && name !== file && !(name in files)) this.kept.delete(name);
    const turned = file !== this.file;
    if (turned && opened === this.opened) this.kept.set(this.file, { state: this.view.state, ran: this.ran });
    this.file = file;
    const shown = this.made ? this.objectText() : file ? (files[file] ?? "") : source;
    const look = this.look();
    const before = turned ? this.kept.get(file) : undefined;
    if (before && before.state.doc.toString() === shown) this.bring(before);
    else if (turned || opened !== this.opened || shown !== this.view.state.doc.toString()) {
      this.opened = opened;
      if (turned) this.ran = new RanText();
      this.renew(shown);
      if (turned) this.remember();
    }
    if (this.kind !== look) {
      this.kind = look;
      this.view.dispatch({ effects: setKind(look) });
    }
  }

  /** Show a file again as it was left. @param {{state: EditorState, ran: RanText}} kept */
  bring({ state, ran }) {
    this.ran = ran;
    this.view.setState(state);
    this.kind = "";
    this.ink.forget();
    this.stamp = this.shown = this.diagnosed = undefined;
  }

  /** A file that is shown for the first time: what of it ran, if it did. */
  remember() {
    const { ran, kind } = this.store.state;
    const text = kind === "elf" ? this.view.state.doc.toString() : this.file ? ran?.files?.[this.file] : ran?.source;
    if (text === undefined) return;
    const doc = Text.of(text.split("\n"));
    this.ran.begin(doc);
    if (text !== this.view.state.doc.toString()) this.ran.edited(this.view.state.changes({ from: 0, to: doc.length, insert: this.view.state.doc }));
  }

  /** @param {string} text */
  renew(text) {
    this.view.setState(this.fresh(text));
    this.kind = this.look();
    this.ran.forget();
    this.ink.forget();
    this.stamp = this.shown = this.diagnosed = undefined;
  }

  /** For an object there is no source here: what its line information holds is shown once it is loaded. */
  objectText() {
    const { source, code, upload, file } = this.store.state;
    if (file) return code.text(file) || `The object names lines of ${file}, and does not hold their text.`;
    if (upload)
      return code.text() || `${upload.name || "A verifier log"}, ${size(upload.file.size)}.\nThe log quotes no source with line numbers. Its text is in the Log panel.`;
    return code.text() || `An ELF object of ${Math.floor((source.length * 3) / 4)} bytes.\nPress Run to see its programs.`;
  }

  /** Where a line of a file that ran is now, or null. @param {number | null | undefined} line @param {string} [file] @returns {Line | null} */
  place(line, file = "") {
    // The text is the log, and its instructions have lines of the program's source.
    if (this.look() === "log" || file !== this.file) return null;
    return this.ran.line(this.view.state.doc, line);
  }

  /** Show the source lines of an object as soon as they are known. */
  showObject() {
    const { code } = this.store.state;
    const lines = this.file ? code.files[this.file] : code.lines;
    if (this.lines === lines) return;
    this.lines = lines;
    const text = this.objectText();
    if (text === this.view.state.doc.toString()) return;
    this.loading = true;
    this.view.dispatch({ changes: { from: 0, to: this.view.state.doc.length, insert: text } });
    this.loading = false;
    this.ran.begin(this.view.state.doc);
  }

  mark() {
    if (this.made) this.showObject();
    const now = this.scope.cursor.now();
    this.follow(now);
    const said = this.messageLine();
    const { line, failLine, stamp, make } = marksOf(this.store.state, now, (number, file) => this.place(number, file), said);
    if (stamp === this.stamp) return;
    this.stamp = stamp;
    const effects = /** @type {import("@codemirror/state").StateEffect<any>[]} */ ([setMarks.of(make())]);
    if (line && line.from !== this.shown) {
      this.shown = line.from;
      if (!this.view.hasFocus) effects.push(this.toSight(line.from));
    }
    const { verify } = this.store.state.stages;
    if (said && verify !== this.told) {
      this.told = verify; // once, wherever the cursor is: a log is pasted for its message
      effects.push(this.toSight(said.from));
    }
    this.view.dispatch({ effects });
    if (failLine && verify !== this.brought) {
      this.brought = verify;
      if (this.still) this.bringMessage(failLine);
    }
  }

  /** Whether nothing was typed, moved or scrolled since Run: what the run says may come into sight, whatever has the focus. */
  get still() {
    return this.touched !== this.store.state.ran;
  }

  /** Scroll to a refused line whose message, which stands below it, is not in sight. The cursor stays. @param {Line} line */
  bringMessage(line) {
    const message = this.view.contentDOM.querySelector(".bs-sentence")?.getBoundingClientRect();
    const text = this.view.coordsAtPos(line.from);
    // What else stands there, such as the bar at the end of a narrow screen, covers it.
    /** @param {number} y */
    const inSight = (y) => this.contains(document.elementFromPoint((message?.left ?? 0) + 5, y));
    if (message && text && inSight(text.top + 1) && inSight(message.bottom - 1)) return;
    this.view.dispatch({ effects: EditorView.scrollIntoView(line.from, { y: "center" }) });
  }

  /** The file of the step is shown, once for each step: who looks at another one is not called back. @param {{line: number | null, file: string} | null} now */
  follow(now) {
    const { step, view, packetRun, ran, file } = this.store.state;
    const at = `${view} ${packetRun} ${step} ${ran?.edited}`;
    if (!now?.line || at === this.followed) return;
    this.followed = at;
    if (now.file !== file && !this.view.hasFocus && ["", ...this.tabs.names()].includes(now.file)) this.store.set({ file: now.file });
  }

  // Breakpoints are on lines of the text that ran, like all that a run says.

  /** @param {number} line @param {string} file @returns {{from: number, number: number} | null} */
  placeOfBreakpoint(line, file) {
    if (file !== this.file) return null;
    return this.ran.base ? this.place(line, file) : lineOf(this.view.state.doc, line);
  }

  /** Set or remove the breakpoint of the line at a position. @param {number} from */
  breakpoint(from) {
    const { doc } = this.view.state;
    const line = this.ran.base ? this.ran.original(doc, from) : doc.lineAt(from).number;
    if (line === null || this.look() === "log") this.store.set({ found: "This line is not in the program that ran: run it first." });
    else {
      const { breakpoints, code } = this.store.state;
      const asked = lineValue(line, this.file);
      // One that is here from before is removed, though this program has no instruction there.
      this.store.set({ breakpoints: toggled(breakpoints, "line", at(breakpoints, "line", asked) >= 0 ? asked : withCode(asked, code)) });
    }
  }

  markBreakpoints() {
    const marks = breakpointMarks(this.store.state.breakpoints, (line, file) => this.placeOfBreakpoint(line, file));
    if (marks.size || this.view.state.field(markedLines).size) this.view.dispatch({ effects: setBreakpoints.of(marks) });
  }

  /** The text that runs now is another one: breakpoints go with their lines. */
  moveBreakpoints() {
    const { breakpoints } = this.store.state;
    if (!this.ran.base || !breakpoints.some(({ kind }) => kind === "line")) return;
    const moved = breakpoints.map((each) => {
      const { line, file } = placeOf(each.value);
      return each.kind === "line" && file === this.file ? { ...each, value: lineValue(this.place(line, file)?.number ?? 0, file) } : each;
    });
    this.store.set({ breakpoints: known(moved) });
  }

  /** Where the message stands in the log that is the text, or null. */
  messageLine() {
    const number = this.store.state.stages.verify?.read_from?.message_line;
    return this.look() === "log" && number ? this.ran.line(this.view.state.doc, number) : null;
  }

  /** @param {number} position */
  toSight(position) {
    return EditorView.scrollIntoView(position, { y: "nearest", yMargin: 60 });
  }

  diagnose() {
    const { compile, load } = this.store.state.stages;
    if (this.diagnosed && compile === this.diagnosed.compile && load === this.diagnosed.load) return;
    this.diagnosed = { compile, load };
    const list = diagnosticsOf({ compile, load }, (line, file) => this.place(line, file), this.view.state.doc.length);
    this.turn(compile);
    if (list.length || diagnosticCount(this.view.state)) this.view.dispatch(setDiagnostics(this.view.state, list));
    const first = list.find((each) => each.severity === "error");
    if (first && (compile?.status === "failed" || load?.status === "failed") && (this.still || !this.view.hasFocus))
      this.view.dispatch({ effects: this.toSight(first.from) });
    this.offer();
  }

  /** What clang and the loader said in words, with what can be done about it in one click. */
  offer() {
    const { compile, load } = this.store.state.stages;
    const parts = offers(compile, load, {
      jump: (line, file) => this.jump(line, file),
      addMissing: () => this.scope.run({ fix_includes: true }),
      write: (name) => this.tabs.write(name),
      apply: (fix) => this.apply(fix.edits),
    });
    this.missing.hidden = !parts.length;
    const close = h("button", { type: "button", class: "icon close", "aria-label": "Close", on: { click: () => (this.missing.hidden = true) } }, "✕");
    fill(this.missing, close, parts);
  }

  /**
   * Apply edits of the text that ran, as one change that can be undone, and run the result.
   * @param {Edit[]} edits
   */
  apply(edits) {
    this.show(edits[0]?.file ?? "");
    const { doc } = this.view.state;
    const changes = edits.map((edit) => {
      const from = this.ran.position(doc, edit.line, edit.column);
      return { from, to: Math.max(from, this.ran.position(doc, edit.end_line, edit.end_column)), insert: edit.text };
    });
    this.view.dispatch({ changes, annotations: [isolateHistory.of("full"), Transaction.userEvent.of("input.complete")] });
    this.scope.run();
    this.view.focus();
  }

  /** Show a file now. @param {string} file */
  show(file) {
    if (file === this.file) return;
    this.store.set({ file });
    this.store.flush();
  }

  /** Errors are shown where they are: in a header, if the source has none. @param {Partial<Stages>["compile"]} compile */
  turn(compile) {
    if (compile?.status !== "failed") return;
    const errors = (compile.diagnostics ?? []).filter((each) => /error|fatal/.test(each.severity));
    const file = errors[0]?.file ?? "";
    if (errors.length && !this.view.hasFocus && file in { "": "", ...this.store.state.files } && this.turned !== compile) this.store.set({ file });
    this.turned = compile;
  }

  /** @param {number} number of a line of the run @param {string} [file] */
  jump(number, file = "") {
    this.show(file);
    const line = this.place(number, file);
    if (!line) return;
    this.view.dispatch({ selection: { anchor: line.from }, effects: this.toSight(line.from) });
    this.view.focus();
  }

  /**
   * A click in the gutter's or line's place moves the cursor's step, unless text is being selected or edited.
   * @param {MouseEvent} event
   * @param {EditorView} view
   */
  clicked(event, view) {
    const { ran, edited, stages } = this.store.state;
    if (!ran || edited !== ran.edited || !view.state.selection.main.empty || !stages.load) return false;
    const position = view.posAtCoords({ x: event.clientX, y: event.clientY });
    if (position === null) return false;
    const number = view.state.doc.lineAt(position).number;
    if (this.store.state.code.slots(number, this.file).length) void this.scope.search.visitOf(number, this.file);
    return false;
  }

  /** The instructions of the line under the pointer are previewed. @param {number | null} position */
  hover(position) {
    const { ran, edited, hover, code } = this.store.state;
    const line = position === null || !ran || edited !== ran.edited ? 0 : this.view.state.doc.lineAt(position).number;
    const next = code.slots(line, this.file).length ? line : 0;
    if (next !== (hover?.line ?? 0)) this.store.set({ hover: next ? { line: next, file: this.file } : null });
  }

  /** @param {string} kind */
  changeKind(kind) {
    const { store } = this;
    if (kind === store.state.kind) return;
    if (kind === "elf") {
      this.kinds.value = store.state.kind;
      this.chooser.click();
      return;
    }
    const source = store.state.kind === "elf" ? "" : store.state.source;
    store.set({ kind: /** @type {SourceKind} */ (kind), source, files: kind === "c" ? store.state.files : {}, file: "", upload: null, edited: store.state.edited + 1 });
    saveDraft(store.state);
  }

  async openFile() {
    await this.intake.files([...(this.chooser.files ?? [])].map((file) => ({ path: file.name, file })));
    this.chooser.value = "";
  }
}
