/**
 * The source column. CodeMirror lives in a shadow root, where its styles go through adoptedStyleSheets, so the page
 * needs no inline style. Keeps C lines tied to the program that ran while the text is edited further.
 */
import { defaultKeymap, history, historyKeymap, indentLess, indentMore } from "@codemirror/commands";
import { cpp } from "@codemirror/lang-cpp";
import { HighlightStyle, bracketMatching, indentOnInput, indentUnit, syntaxHighlighting } from "@codemirror/language";
import { lintGutter, setDiagnostics } from "@codemirror/lint";
import { ChangeSet, Compartment, EditorState, RangeSet, StateEffect, StateField } from "@codemirror/state";
import {
  Decoration, EditorView, GutterMarker, WidgetType, drawSelection, gutter, highlightSpecialChars, keymap, lineNumbers,
} from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { Panel } from "../core/panel.js";
import { detect, fromFile } from "../core/detect.js";
import { saveDraft } from "../core/draft.js";
import { fill, h, setAttr, setText, visible } from "../ui/dom.js";
import { count } from "../ui/format.js";

/** @type {import("@codemirror/state").StateEffectType<any>} */
const setMarks = StateEffect.define();

class Sentence extends WidgetType {
  constructor(text) {
    super();
    this.text = text;
  }
  eq(other) {
    return other.text === this.text;
  }
  toDOM() {
    return h("div", { class: "bs-sentence", role: "note" }, `✖ ${visible(this.text)}`);
  }
}

class Pointer extends GutterMarker {
  toDOM() {
    return document.createTextNode("▸");
  }
}
const pointer = new Pointer();

/** The number of a step that led to the rejection, beside its line. */
class CauseMark extends GutterMarker {
  constructor(n) {
    super();
    this.n = n;
  }
  eq(other) {
    return other.n === this.n;
  }
  toDOM() {
    return h("span", { class: "bs-cause" }, String(this.n));
  }
}

/** What the run says about lines: the cursor's, hovered, those with instructions, the rejected one. */
const marks = StateField.define({
  create: () => /** @type {any} */ ({ lines: Decoration.none, gutter: RangeSet.empty }),
  update(value, transaction) {
    let next = value;
    if (transaction.docChanged)
      next = { lines: next.lines.map(transaction.changes), gutter: next.gutter.map(transaction.changes) };
    for (const effect of transaction.effects) if (effect.is(setMarks)) next = effect.value;
    return next;
  },
  provide: (field) => [
    EditorView.decorations.from(field, (value) => value.lines),
    gutter({ class: "bs-cursor-gutter", markers: (view) => view.state.field(field).gutter, initialSpacer: () => pointer }),
  ],
});

const theme = EditorView.theme({
  "&": { height: "100%", fontSize: "13px", color: "var(--ink)", backgroundColor: "transparent" },
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "20px", overflow: "auto" },
  ".cm-content": { caretColor: "var(--ink)", padding: "4px 0" },
  ".cm-cursor": { borderLeftColor: "var(--ink)", borderLeftWidth: "2px" },
  ".cm-gutters": { backgroundColor: "transparent", color: "var(--ink-3)", border: "none", fontVariantNumeric: "tabular-nums" },
  ".cm-lineNumbers .cm-gutterElement": { padding: "0 4px 0 8px", minWidth: "28px" },
  ".bs-cursor-gutter": { width: "16px", color: "var(--cursor-ink)", textAlign: "center" },
  ".bs-cause": { color: "var(--bad)", fontSize: "10.5px", fontWeight: "700", fontFamily: "var(--sans)" },
  ".cm-selectionBackground, &.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground": {
    backgroundColor: "var(--selection)",
  },
  ".cm-matchingBracket": { backgroundColor: "transparent", outline: "1px solid var(--line-2)" },
  ".bs-current": { backgroundColor: "var(--cursor)" },
  ".bs-hover": { backgroundColor: "var(--hover)" },
  ".bs-rejected": {
    textDecoration: "underline wavy var(--bad)",
    textUnderlineOffset: "4px",
    textDecorationSkipInk: "none",
  },
  ".bs-sentence": {
    color: "var(--bad)",
    backgroundColor: "var(--bad-bg)",
    borderLeft: "3px solid var(--bad)",
    padding: "3px 10px",
    margin: "2px 0 3px",
    position: "sticky",
    left: "0",
    maxWidth: "var(--code-width, 100%)",
    whiteSpace: "pre-wrap",
    overflowWrap: "anywhere",
    fontFamily: "var(--sans)",
    fontSize: "12.5px",
    lineHeight: "18px",
  },
  ".cm-specialChar": { color: "var(--bad)" },
  ".cm-tooltip": { backgroundColor: "var(--raise)", color: "var(--ink)", border: "1px solid var(--line-2)", borderRadius: "6px" },
  ".cm-diagnostic": { fontFamily: "var(--sans)", padding: "4px 8px", whiteSpace: "pre-wrap" },
  ".cm-diagnostic-error": { borderLeft: "3px solid var(--bad)" },
  ".cm-diagnostic-warning": { borderLeft: "3px solid var(--warn)" },
  ".cm-gutter-lint": { width: "18px" },
  ".cm-lint-marker": { width: "12px", height: "12px" },
});

const colours = syntaxHighlighting(
  HighlightStyle.define([
    { tag: [tags.keyword, tags.controlKeyword, tags.modifier, tags.definitionKeyword], color: "var(--code-keyword)" },
    { tag: [tags.typeName, tags.standard(tags.typeName)], color: "var(--code-type)" },
    { tag: [tags.string, tags.character], color: "var(--code-string)" },
    { tag: [tags.number, tags.bool], color: "var(--code-number)" },
    { tag: [tags.comment, tags.lineComment, tags.blockComment], color: "var(--code-comment)", fontStyle: "italic" },
    { tag: [tags.processingInstruction, tags.meta], color: "var(--code-meta)" },
    { tag: [tags.function(tags.variableName), tags.function(tags.definition(tags.variableName))], color: "var(--code-function)" },
  ]),
);

const KINDS = [["c", "C"], ["asm", "Assembly"], ["hex", "Hex"], ["elf", "Object"]];

export class Editor extends Panel {
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
    this.view = new EditorView({ state: this.fresh(), parent: root, root });
    // A sentence in the text is as wide as what is in sight, not as the longest line.
    new ResizeObserver(([entry]) => this.host.style.setProperty("--code-width", `${Math.max(160, entry.contentRect.width - 64)}px`)).observe(this.host);
    this.addEventListener("take-focus", () => this.view.focus());
    for (const type of ["dragover", "drop"]) document.addEventListener(type, (event) => this.drag(/** @type {DragEvent} */ (event)));
    store.on(["source", "kind"], () => this.fromStore());
    store.on(["program"], () => {
      if (store.state.program !== this.saidOf) setText(this.said, "");
    });
    store.on(["ran"], () => this.rebase());
    store.on(["step", "view", "windows", "code", "hover", "stages", "log", "reasons"], () => this.mark());
    store.on(["stages"], () => this.diagnose());
  }

  fresh() {
    const { source, kind } = this.store.state;
    return EditorState.create({
      doc: kind === "elf" ? "" : source,
      extensions: [
        highlightSpecialChars({ addSpecialChars: /[\u202a-\u202e\u2060-\u2069]/g }),
        history(),
        drawSelection(),
        EditorState.tabSize.of(8),
        indentUnit.of("\t"),
        indentOnInput(),
        bracketMatching(),
        lineNumbers(),
        marks,
        lintGutter(),
        colours,
        theme,
        keymap.of([
          { key: "Escape", run: () => this.leave() },
          ...defaultKeymap.filter((binding) => binding.key !== "Mod-Enter"),
          ...historyKeymap,
          { key: "Tab", run: (view) => this.writing && indentMore(view), shift: (view) => this.writing && indentLess(view) },
        ]),
        this.language.of(kind === "c" ? cpp() : []),
        this.readOnly.of([EditorState.readOnly.of(kind === "elf"), EditorView.editable.of(kind !== "elf")]),
        EditorView.contentAttributes.of({ "aria-label": "Program source. Escape leaves the editor.", spellcheck: "false", tabindex: "0" }),
        EditorView.updateListener.of((update) => this.updated(update)),
        EditorView.domEventHandlers({
          // Tab indents once something is written or clicked; who tabs through the page is not caught here.
          blur: () => void (this.writing = false),
          pointerdown: () => void (this.writing = true),
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
    store.set({ source: update.state.doc.toString(), edited: store.state.edited + 1 });
    setText(this.said, "");
    saveDraft(store.state);
    // What is in the page is no longer what the address names: a reload shall bring back the text, not the example.
    if (location.pathname !== "/") window.history.replaceState(null, "", "/");
  }

  /** The text was set from outside (an example, a link, a kind change). */
  fromStore() {
    const { source, kind } = this.store.state;
    if (this.kinds.value !== kind) this.kinds.value = kind;
    const shown = kind === "elf" ? this.objectText(source) : source;
    if (shown !== this.view.state.doc.toString()) {
      this.loading = true;
      this.view.dispatch({ changes: { from: 0, to: this.view.state.doc.length, insert: shown } });
      this.loading = false;
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

  /** For an object there is no source here: what its line information holds is shown once it is loaded. */
  objectText(source) {
    const lines = this.store.state.code.lines;
    const numbers = Object.keys(lines).map(Number);
    if (numbers.length) {
      const last = Math.min(Math.max(...numbers), 20000);
      return Array.from({ length: last }, (_, i) => lines[i + 1] ?? "").join("\n");
    }
    return `An ELF object of ${Math.floor((source.length * 3) / 4)} bytes.\nRun shows what it holds.`;
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
    const here = this.scope.now();
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
        Decoration.widget({ widget: new Sentence(this.store.state.log.after(fail.step) || stages.verify.message || "rejected"), block: true, side: 1 }).range(failLine.to),
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
    if (compile === this.diagnosed) return;
    this.diagnosed = compile;
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
    this.offer(compile);
  }

  /** What clang said in words, and what is missing with one click to add it. */
  offer(compile) {
    const missing = compile?.missing ?? [];
    const added = compile?.added ?? [];
    const errors = compile?.status === "failed" ? (compile.diagnostics ?? []).filter((d) => /error|fatal/.test(d.severity)) : [];
    this.missing.hidden = !missing.length && !added.length && !errors.length;
    const parts = [];
    if (missing.length)
      parts.push(
        h(
          "div",
          { class: "offer" },
          h("ul", null, missing.map((m) => h("li", null, m.message || `${m.what} is missing`))),
          h(
            "button",
            { type: "button", class: "button primary", on: { click: () => this.scope.run({ fix_includes: true }) } },
            missing.length === 1 ? `Add ${missing[0].add || "it"}` : "Add them",
          ),
        ),
      );
    if (added.length)
      parts.push(
        h("div", { class: "added" }, "Added in front of your source:", h("ul", null, added.map((text) => h("li", null, h("code", null, text))))),
      );
    if (errors.length) {
      const list = h(
          "ul",
          { class: "errors" },
          errors.slice(0, 6).map((d) =>
            h(
              "li",
              null,
              h("button", { type: "button", class: "line-link", on: { click: () => this.jump(d.line) } }, `line ${d.line ?? "?"}`),
              ` ${d.message}`,
            ),
          ),
          errors.length > 6 ? h("li", null, `and ${errors.length - 6} more`) : null,
      );
      // Where something is missing, most errors only follow from that.
      parts.push(missing.length ? h("details", null, h("summary", null, count(errors.length, "error")), list) : list);
    }
    const close = h("button", { type: "button", class: "icon close", "aria-label": "Close", on: { click: () => (this.missing.hidden = true) } }, "✕");
    fill(this.missing, close, parts);
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
    if (this.store.state.code.byLine.has(number)) void this.scope.visitOf(number);
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
      store.set({ input: found.input, pane: "packet", dock: true, edited: store.state.edited + 1 });
    } else {
      const options = { ...store.state.options, program: "", fix_includes: false };
      this.saidOf = { title: found.name ?? "" };
      store.set({ kind: found.kind, source: found.source, options, edited: store.state.edited + 1, program: this.saidOf });
    }
    setText(this.said, found.said);
    saveDraft(store.state);
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
