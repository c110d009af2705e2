/**
 * The source column. CodeMirror lives in a shadow root, where its styles go through adoptedStyleSheets, so the page
 * needs no inline style. Keeps C lines tied to the program that ran while the text is edited further.
 */
import { defaultKeymap, history, historyKeymap, indentLess, indentMore, invertedEffects, isolateHistory } from "@codemirror/commands";
import { cpp } from "@codemirror/lang-cpp";
import { bracketMatching, indentOnInput, indentUnit } from "@codemirror/language";
import { lintGutter, setDiagnostics } from "@codemirror/lint";
import { ChangeSet, Compartment, EditorState, RangeSet, StateEffect, Transaction } from "@codemirror/state";
import { Decoration, EditorView, drawSelection, highlightSpecialChars, keymap, lineNumbers } from "@codemirror/view";
import { Panel } from "../core/panel.js";
import { detect, fromFile } from "../core/detect.js";
import { saveDraft } from "../core/draft.js";
import { fill, h, setAttr, setText, visible } from "../ui/dom.js";
import { explanations } from "./editor-hover.js";
import { colours, theme } from "./editor-look.js";
import { CauseMark, Sentence, marks, pointer, setMarks } from "./editor-marks.js";
import { offers } from "./offers.js";

/**
 * What the text is: its kind, options, input and name. Changes with a text that is replaced as a whole, and comes back
 * when that is undone.
 * @type {import("@codemirror/state").StateEffectType<any>}
 */
const setOrigin = StateEffect.define();

const KINDS = [["c", "C"], ["asm", "Assembly"], ["hex", "Hex"], ["elf", "Object"]];

export class Editor extends Panel {
  /** @type {Compartment} */
  language;
  /** @type {Compartment} */
  readOnly;
  /** @type {HTMLSelectElement} */
  kinds;
  /** @type {HTMLSpanElement} */
  said;
  /** @type {HTMLDivElement} */
  missing;
  /** @type {HTMLDivElement} */
  host;
  /** @type {HTMLInputElement} */
  file;
  /** @type {EditorView} */
  view;
  opened = 0;
  /** True once something was written or clicked: Tab then indents. */
  writing = false;
  /** @type {ChangeSet | null} what was edited since the run */
  changes = null;
  /** @type {any} the program that what is said beside the kind belongs to */
  saidOf;
  /** Kind of source the view is set up for. */
  kind = "";
  /** @type {import("@codemirror/state").Text | null} the text that ran */
  base = null;
  /** @type {string | undefined} what the marks were made of */
  stamp;
  /** @type {number | undefined} start of the line that was last brought into sight */
  shown;
  /** @type {import("../core/store.js").Stage | undefined} */
  diagnosed;
  /** @type {Record<number, string> | undefined} source lines of an object that are shown */
  lines;
  /** True while the text is set by the page, not by the person. */
  loading = false;
  /** @type {import("../core/store.js").Stage | undefined} */
  loaded;

  build() {
    const { store } = this;
    this.language = new Compartment();
    this.readOnly = new Compartment();
    this.kinds = h("select", {
      class: "kind-select",
      "aria-label": "Kind of source",
      on: { change: (event) => this.changeKind(event.target.value) },
    });
    for (const [value, text] of KINDS) this.kinds.append(h("option", { value }, text));
    this.said = h("span", { class: "column-info", role: "status" });
    this.missing = h("div", { class: "missing", hidden: true });
    this.host = h("div", { class: "editor-host" });
    this.file = h("input", { type: "file", hidden: true, "aria-label": "Open a file", on: { change: () => this.files(this.file.files) } });
    const open = h("button", { type: "button", class: "chip", on: { click: () => this.file.click() } }, "Open…");
    this.append(
      h("div", { class: "column-head" }, h("h2", { class: "column-title visually-hidden" }, "Source"), this.kinds, open, this.said, this.file),
      this.host,
      this.missing,
    );
    const root = this.host.attachShadow({ mode: "open" });
    this.view = new EditorView({ state: this.fresh(store.state.kind === "elf" ? "" : store.state.source), parent: root, root });
    this.opened = store.state.opened;
    // A sentence in the text is as wide as what is in sight, not as the longest line.
    new ResizeObserver(([entry]) => this.host.style.setProperty("--code-width", `${Math.max(160, entry.contentRect.width - 64)}px`)).observe(this.host);
    this.addEventListener("take-focus", () => this.view.focus());
    for (const type of ["dragover", "drop"]) document.addEventListener(type, (event) => this.drag(/** @type {DragEvent} */ (event)));
    store.on(["source", "kind", "opened"], () => this.fromStore());
    store.on(["program"], () => {
      if (store.state.program !== this.saidOf) setText(this.said, "");
    });
    store.on(["ran"], () => this.rebase());
    store.on(["step", "view", "windows", "code", "hover", "stages", "log", "reasons"], () => this.mark());
    store.on(["stages"], () => this.diagnose());
  }

  fresh(text = this.store.state.source) {
    const { kind } = this.store.state;
    return EditorState.create({
      doc: text,
      extensions: [
        highlightSpecialChars({ addSpecialChars: /[\u202a-\u202e\u2060-\u2069]/g }),
        history(),
        invertedEffects.of((transaction) =>
          transaction.effects.some((effect) => effect.is(setOrigin)) ? [setOrigin.of(this.origin())] : [],
        ),
        drawSelection(),
        EditorState.tabSize.of(8),
        indentUnit.of("\t"),
        indentOnInput(),
        bracketMatching(),
        lineNumbers(),
        marks,
        explanations,
        lintGutter(),
        colours,
        theme,
        keymap.of([
          { key: "Escape", run: () => this.leave() },
          ...defaultKeymap.filter((binding) => binding.key !== "Mod-Enter"),
          ...historyKeymap,
          { key: "Tab", run: (view) => this.writing && indentMore(view), shift: (view) => this.writing && indentLess(view) },
        ]),
        EditorState.transactionExtender.of((transaction) => this.startsOver(transaction)),
        this.language.of(kind === "c" || kind === "elf" ? cpp() : []),
        this.readOnly.of([EditorState.readOnly.of(kind === "elf"), EditorView.editable.of(kind !== "elf")]),
        EditorView.contentAttributes.of({ "aria-label": "Program source. Escape leaves the editor.", spellcheck: "false", tabindex: "0" }),
        EditorView.updateListener.of((update) => this.updated(update)),
        EditorView.domEventHandlers({
          // Tab indents once something is written or clicked; who tabs through the page is not caught here.
          blur: () => {
            this.writing = false;
          },
          pointerdown: () => {
            this.writing = true;
          },
          paste: (event, view) => this.paste(event, view),
          click: (event, view) => this.clicked(event, view),
          mousemove: (event, view) => this.hover(view.posAtCoords({ x: event.clientX, y: event.clientY })),
          mouseleave: () => this.store.set({ hover: null }),
          dragover: () => true,
          drop: (event) => Boolean(event.dataTransfer?.files.length),
        }),
      ],
    });
  }

  leave() {
    document.querySelector("bs-insns .vl")?.dispatchEvent(new Event("take-focus"));
    /** @type {HTMLElement | null} */ (document.querySelector("bs-insns .vl"))?.focus();
    return true;
  }

  updated(update) {
    if (!update.docChanged) return;
    if (this.changes) this.changes = this.changes.compose(update.changes);
    if (this.loading) return;
    this.writing = true;
    const { store } = this;
    const { status } = store.state;
    const origin = update.transactions.flatMap((each) => each.effects).findLast((effect) => effect.is(setOrigin))?.value;
    store.set({
      ...(origin ?? {}),
      source: update.state.doc.toString(),
      edited: store.state.edited + 1,
      // What was wrong with the text before says nothing of this one.
      ...(status.state === "error" ? { status: { state: "idle", message: "" } } : {}),
    });
    if (origin) this.saidOf = origin.program;
    setText(this.said, "");
    saveDraft(store.state);
    // What is in the page is no longer what the address names: a reload shall bring back the text, not the example.
    if (location.pathname !== "/") window.history.replaceState(window.history.state, "", "/");
  }

  /** What the text is at present, to come back to. */
  origin() {
    const { kind, options, input, program } = this.store.state;
    return { kind, options, input, program };
  }

  /** The text was set from outside (an example, a link, an object): the editor starts afresh, its history too. */
  fromStore() {
    const { source, kind, opened } = this.store.state;
    if (this.kinds.value !== kind) this.kinds.value = kind;
    const shown = kind === "elf" ? this.objectText(source) : source;
    if (opened !== this.opened || shown !== this.view.state.doc.toString()) {
      this.opened = opened;
      this.renew(shown);
    }
    if (this.kind !== kind) {
      this.kind = kind;
      this.view.dispatch({
        effects: [
          this.language.reconfigure(kind === "c" || kind === "elf" ? cpp() : []),
          this.readOnly.reconfigure([EditorState.readOnly.of(kind === "elf"), EditorView.editable.of(kind !== "elf")]),
        ],
      });
    }
  }

  renew(text) {
    this.view.setState(this.fresh(text));
    this.kind = this.store.state.kind;
    this.base = this.changes = null;
    this.stamp = this.shown = this.diagnosed = undefined;
  }

  /** For an object there is no source here: what its line information holds is shown once it is loaded. */
  objectText(source) {
    const lines = this.store.state.code.lines;
    const numbers = Object.keys(lines).map(Number);
    if (numbers.length) {
      const last = Math.min(Math.max(...numbers), 20000);
      return Array.from({ length: last }, (_, i) => lines[i + 1] ?? "").join("\n");
    }
    return `An ELF object of ${Math.floor((source.length * 3) / 4)} bytes.\nRun shows its programs.`;
  }

  /** From now on line numbers of the run mean the text as it is now. */
  rebase() {
    this.base = this.view.state.doc;
    this.changes = ChangeSet.empty(this.base.length);
  }

  /** Where a line of the text that ran is now, or null. */
  place(line) {
    if (!this.base || !this.changes || !line || line > this.base.lines) return null;
    const at = this.base.line(line);
    const from = this.changes.mapPos(at.from, 1);
    return this.view.state.doc.lineAt(Math.min(from, this.view.state.doc.length));
  }

  mark() {
    const { hover, stages, code, kind, source } = this.store.state;
    if (kind === "elf" && this.lines !== code.lines) {
      this.lines = code.lines;
      const text = this.objectText(source);
      if (text !== this.view.state.doc.toString()) {
        this.loading = true;
        this.view.dispatch({ changes: { from: 0, to: this.view.state.doc.length, insert: text } });
        this.loading = false;
        this.rebase();
      }
    }
    const here = this.scope.cursor.now();
    const line = this.place(here?.line);
    const over = this.place(hover?.line);
    const fail = stages.verify?.status !== "working" ? stages.verify?.fail : null;
    const failLine = fail ? this.place(fail.line ?? code.line(fail.insn)) : null;
    const { reasons } = this.store.state;
    const causes = this.store.state.view === "verify" ? reasons.causes : [];
    const stamp = `${causes.length && reasons.fail.insn}|${causes.length}|${line?.from}|${over?.from}|${failLine?.from}|${stages.verify?.message}|${this.store.state.log.lines.length}`;
    if (stamp === this.stamp) return;
    this.stamp = stamp;
    const ranges = [];
    if (line) ranges.push(Decoration.line({ class: "bs-current" }).range(line.from));
    if (over && over.from !== line?.from) ranges.push(Decoration.line({ class: "bs-hover" }).range(over.from));
    if (failLine) {
      const indent = failLine.text.length - failLine.text.trimStart().length;
      if (failLine.to > failLine.from + indent)
        ranges.push(Decoration.mark({ class: "bs-rejected" }).range(failLine.from + indent, failLine.to));
      ranges.push(
        Decoration.widget({ widget: new Sentence(reasons.said(stages.verify?.message ?? "", this.store.state.log)), block: true, side: 1 }).range(failLine.to),
      );
    }
    const effects = [
      setMarks.of({
        lines: Decoration.set(ranges, true),
        gutter: this.gutter(line, causes),
      }),
    ];
    if (line && line.from !== this.shown) {
      this.shown = line.from;
      if (!this.view.hasFocus) effects.push(this.scrollTo(line.from));
    }
    this.view.dispatch({ effects });
  }

  /** The cursor's mark, and on other lines the numbers of the steps that led to the rejection. */
  gutter(line, causes) {
    const found = new Map();
    for (const cause of causes) {
      const at = this.place(cause.line ?? this.store.state.code.line(cause.insn));
      if (at && !found.has(at.from)) found.set(at.from, new CauseMark(cause.n));
    }
    if (line) found.set(line.from, pointer);
    return RangeSet.of([...found].map(([from, marker]) => marker.range(from)), true);
  }

  scrollTo(position) {
    return EditorView.scrollIntoView(position, { y: "nearest", yMargin: 60 });
  }

  diagnose() {
    const { stages } = this.store.state;
    const compile = stages.compile;
    if (compile === this.diagnosed && stages.load === this.loaded) return;
    this.diagnosed = compile;
    this.loaded = stages.load;
    const doc = this.view.state.doc;
    /** @type {any[]} */
    const list = [];
    const failed = [compile, stages.load].find((m) => m?.status === "failed" && m.line);
    const said = [...(compile?.diagnostics ?? [])];
    if (failed && !said.length) said.push({ line: failed.line, column: failed.column ?? 1, severity: "error", message: failed.message });
    for (const d of said) {
      const line = this.place(d.line);
      if (!line) continue;
      const from = Math.min(line.to, line.from + Math.max(0, (d.column ?? 1) - 1));
      const to = Math.max(Math.min(line.to, d.end_column ? line.from + d.end_column - 1 : line.to), from);
      list.push({
        from,
        to: Math.min(doc.length, to),
        severity: /error|fatal/.test(d.severity) ? "error" : /warn/.test(d.severity) ? "warning" : "info",
        message: visible(d.message),
      });
    }
    this.view.dispatch(setDiagnostics(this.view.state, list));
    const first = list.find((d) => d.severity === "error");
    if (first && compile?.status === "failed" && !this.view.hasFocus)
      this.view.dispatch({ effects: this.scrollTo(first.from) });
    this.offer();
  }

  /** What clang and the loader said in words, with what can be done about it in one click. */
  offer() {
    const { compile, load } = this.store.state.stages;
    const parts = offers(compile, load, {
      jump: (line) => this.jump(line),
      addMissing: () => this.scope.run({ fix_includes: true }),
      apply: (fix) => this.applyFix(fix),
    });
    this.missing.hidden = !parts.length;
    const close = h("button", { type: "button", class: "icon close", "aria-label": "Close", on: { click: () => (this.missing.hidden = true) } }, "✕");
    fill(this.missing, close, parts);
  }

  /** Apply the edits of a fix to the text, as one change that can be undone, and run the result. */
  applyFix(fix) {
    const doc = this.base ?? this.view.state.doc;
    const position = (line, column) => {
      const at = doc.line(Math.max(1, Math.min(line, doc.lines)));
      const place = Math.min(at.to, at.from + Math.max(0, column - 1));
      return this.changes ? this.changes.mapPos(place) : place;
    };
    const changes = fix.edits.map((edit) => {
      const from = position(edit.line, edit.column);
      return { from, to: Math.max(from, position(edit.end_line, edit.end_column)), insert: edit.text };
    });
    this.view.dispatch({ changes, annotations: [isolateHistory.of("full"), Transaction.userEvent.of("input.complete")] });
    this.scope.run();
    this.view.focus();
  }

  jump(number) {
    const line = this.place(number);
    if (!line) return;
    this.view.dispatch({ selection: { anchor: line.from }, effects: this.scrollTo(line.from) });
    this.view.focus();
  }

  /** A click in the gutter's or line's place moves the cursor's step, unless text is being selected or edited. */
  clicked(event, view) {
    const { ran, edited, stages } = this.store.state;
    if (!ran || edited !== ran.edited || !view.state.selection.main.empty || !stages.load) return false;
    const position = view.posAtCoords({ x: event.clientX, y: event.clientY });
    if (position === null) return false;
    const number = view.state.doc.lineAt(position).number;
    if (this.store.state.code.byLine.has(number)) void this.scope.search.visitOf(number);
    return false;
  }

  /** The instructions of the line under the pointer are previewed. */
  hover(position) {
    const { ran, edited, hover, code } = this.store.state;
    const line = position === null || !ran || edited !== ran.edited ? 0 : this.view.state.doc.lineAt(position).number;
    const next = code.byLine.has(line) ? line : 0;
    if (next !== (hover?.line ?? 0)) this.store.set({ hover: next ? { line: next } : null });
  }

  changeKind(kind) {
    const { store } = this;
    if (kind === store.state.kind) return;
    if (kind === "elf") {
      this.kinds.value = store.state.kind;
      this.file.click();
      return;
    }
    const source = store.state.kind === "elf" ? "" : store.state.source;
    store.set({ kind, source, edited: store.state.edited + 1 });
    saveDraft(store.state);
  }

  /** Replace everything and say what it was taken for. */
  replace(found) {
    const { store } = this;
    if (found.input) {
      store.set({ input: found.input, ownInput: true, pane: "packet", dock: true, edited: store.state.edited + 1 });
    } else {
      const origin = this.anew(found.kind, found.name);
      if (found.kind === "elf" || store.state.kind === "elf") {
        this.saidOf = origin.program;
        store.set({ ...origin, source: found.source, edited: store.state.edited + 1, opened: store.state.opened + 1 });
      } else this.write(found.source, origin);
    }
    setText(this.said, found.said);
    setAttr(this.said, "title", found.said);
    setAttr(this.said, "data-tone", found.foreign ? "warn" : "");
    if (found.foreign) store.set({ status: { state: "error", message: found.said } });
    saveDraft(store.state);
  }

  /** What a new program starts with: it is verified, whatever was chosen for the one before, and gets an input of its own. */
  anew(kind, title = "") {
    const { options, ownInput, input } = this.store.state;
    return {
      kind,
      options: { ...options, program: "", fix_includes: false, verify: true },
      input: ownInput ? input : { kind: "auto" },
      program: { title },
    };
  }

  /** A text put in place of all there was is a new program also where it comes without a paste event (input methods). */
  startsOver(transaction) {
    const { startState, newDoc } = transaction;
    const { main } = startState.selection;
    const typed = transaction.docChanged && transaction.isUserEvent("input") && !transaction.effects.some((effect) => effect.is(setOrigin));
    if (this.loading || !typed || !startState.doc.length || main.to - main.from < startState.doc.length) return null;
    const found = detect(newDoc.toString());
    return found?.whole ? { effects: setOrigin.of(this.anew(found.kind)) } : null;
  }

  /** Replace the whole text as one change of its own: the cursor stands behind it, and undo brings back what was there. */
  write(text, origin) {
    const { state } = this.view;
    const insert = state.toText(text);
    this.view.dispatch({
      changes: { from: 0, to: state.doc.length, insert },
      selection: { anchor: insert.length },
      effects: setOrigin.of(origin),
      annotations: [isolateHistory.of("full"), Transaction.userEvent.of("input.paste")],
      scrollIntoView: true,
    });
  }

  paste(event, view) {
    const text = event.clipboardData?.getData("text/plain") ?? "";
    const whole = view.state.selection.main.to - view.state.selection.main.from >= view.state.doc.length;
    const found = detect(text);
    if (!found || !(whole || found.whole)) return false;
    event.preventDefault();
    this.replace(found);
    return true;
  }

  drag(event) {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    if (event.type === "drop") this.files(event.dataTransfer.files);
  }

  async files(files) {
    const file = files?.[0];
    if (!file) return;
    const found = await fromFile(file, this.scope.config.limits ?? {});
    this.file.value = "";
    if (found.error) setText(this.said, found.error);
    else this.replace(found);
    setAttr(this.said, "data-tone", found.error ? "bad" : "");
  }
}
