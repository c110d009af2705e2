/** What a run says about lines of the source: marks in the text and beside it. */
import { RangeSet, StateEffect, StateField } from "@codemirror/state";
import { Decoration, EditorView, GutterMarker, WidgetType, gutter, gutterLineClass } from "@codemirror/view";
import { heatStamp, levels } from "../core/heat.js";
import { h } from "../ui/dom.js";

/** @import { Line, Range, StateEffectType } from "@codemirror/state" */
/** @import { DecorationSet } from "@codemirror/view" */
/** @import { NumberedCause, Said } from "../core/reasons.js" */
/** @import { State } from "../core/store.js" */

/** Where a line of a file is in the text that is shown, null if it is not there. @typedef {(line: number | null | undefined, file?: string) => Line | null} PlaceOf */
/** @typedef {{lines: DecorationSet, gutter: RangeSet<GutterMarker>, heat: RangeSet<GutterMarker>}} Marks */

/** @type {StateEffectType<Marks>} */
export const setMarks = StateEffect.define();

/** Why the verifier refused, below the line: its sentence, and what else it said. */
class Sentence extends WidgetType {
  /** @param {Said} said */
  constructor({ sentence, beside }) {
    super();
    this.sentence = sentence;
    this.beside = beside.join("\n");
  }
  /** @param {Sentence} other @override */
  eq(other) {
    return other.sentence === this.sentence && other.beside === this.beside;
  }
  /** @override */
  toDOM() {
    return h(
      "div",
      { class: "bs-sentence", role: "note" },
      h("div", null, `✖ ${this.sentence}`),
      this.beside ? h("div", { class: "bs-beside" }, this.beside) : null,
    );
  }
}

class Pointer extends GutterMarker {
  /** @override */
  toDOM() {
    return document.createTextNode("▸");
  }
}
const pointer = new Pointer();

/** The number of a step that led to the rejection, beside its line. */
class CauseMark extends GutterMarker {
  /** @param {number} n */
  constructor(n) {
    super();
    this.n = n;
  }
  /** @param {CauseMark} other @override */
  eq(other) {
    return other.n === this.n;
  }
  /** @override */
  toDOM() {
    return h("span", { class: "bs-cause" }, String(this.n));
  }
}

/** A share of the walk, as the colour of the gutter. */
class HeatMark extends GutterMarker {
  /** @param {number} level */
  constructor(level) {
    super();
    this.elementClass = `bs-heat-${level}`;
  }
  /** @param {HeatMark} other @override */
  eq(other) {
    return other.elementClass === this.elementClass;
  }
}
const HEATS = Array.from({ length: 6 }, (_, level) => new HeatMark(level));

/** What the run says about lines: the cursor's, hovered, those with instructions, the rejected one. */
export const marks = StateField.define({
  create: () => /** @type {Marks} */ ({ lines: Decoration.none, gutter: RangeSet.empty, heat: RangeSet.empty }),
  update(value, transaction) {
    let next = value;
    if (transaction.docChanged)
      next = {
        lines: next.lines.map(transaction.changes),
        gutter: next.gutter.map(transaction.changes),
        heat: next.heat.map(transaction.changes),
      };
    for (const effect of transaction.effects) if (effect.is(setMarks)) next = effect.value;
    return next;
  },
  provide: (field) => [
    EditorView.decorations.from(field, (value) => value.lines),
    gutterLineClass.from(field, (value) => value.heat),
    gutter({ class: "bs-cursor-gutter", markers: (view) => view.state.field(field).gutter, initialSpacer: () => pointer }),
  ],
});

/**
 * The marks of a state of the page, the line that the cursor is on and the one that was refused. `stamp` is the same for two states whose marks are.
 * @param {State} state
 * @param {{line: number | null, file: string} | null} at line of the run that the cursor is on
 * @param {PlaceOf} place where a line of the run is in the text
 * @param {Line | null} said where the message stands, if the text is a log
 */
export function marksOf(state, at, place, said = null) {
  const { hover, stages, code, reasons, log, view } = state;
  const line = place(at?.line, at?.file);
  const over = place(hover?.line, hover?.file);
  const { verify } = stages;
  const fail = verify?.status !== "working" ? verify?.fail : null;
  const failLine = fail ? place(fail.line ?? code.line(fail.insn), fail.file ?? code.file(fail.insn)) : null;
  const causes = view === "verify" ? reasons.causes : [];
  const stamp = [state.file, causes.length && reasons.fail?.insn, causes.length, line?.from, over?.from, failLine?.from, said?.from, verify?.message, log.lines.length, heatStamp(state)].join("|");
  const make = () => {
    /** @type {Range<Decoration>[]} */
    const ranges = [];
    if (line) ranges.push(Decoration.line({ class: "bs-current" }).range(line.from));
    if (over && over.from !== line?.from) ranges.push(Decoration.line({ class: "bs-hover" }).range(over.from));
    if (said && said.to > said.from) ranges.push(Decoration.mark({ class: "bs-rejected" }).range(said.from, said.to));
    if (failLine) {
      const indent = failLine.text.length - failLine.text.trimStart().length;
      if (failLine.to > failLine.from + indent)
        ranges.push(Decoration.mark({ class: "bs-rejected" }).range(failLine.from + indent, failLine.to));
      const widget = new Sentence(reasons.said(verify?.message ?? "", log));
      ranges.push(Decoration.widget({ widget, block: true, side: 1 }).range(failLine.to));
    }
    return { lines: Decoration.set(ranges, true), gutter: gutterOf(line, causes, (cause) => place(cause.line ?? code.line(cause.insn), cause.file ?? code.file(cause.insn))), heat: heatOf(state, place) };
  };
  return { line: line ?? said, failLine, stamp, make };
}

/**
 * The cursor's mark, and on other lines the numbers of the steps that led to the rejection.
 * @param {Line | null} line
 * @param {NumberedCause[]} causes
 * @param {(cause: NumberedCause) => Line | null} place
 */
function gutterOf(line, causes, place) {
  /** @type {Map<number, GutterMarker>} */
  const found = new Map();
  for (const cause of causes) {
    const at = place(cause);
    if (at && !found.has(at.from)) found.set(at.from, new CauseMark(cause.n));
  }
  if (line) found.set(line.from, pointer);
  return RangeSet.of([...found].map(([from, marker]) => marker.range(from)), true);
}

/**
 * The colours of the gutter, if they are wanted.
 * @param {State} state
 * @param {PlaceOf} place
 */
function heatOf(state, place) {
  /** @type {Map<number, GutterMarker>} */
  const found = new Map();
  for (const [line, level] of levels(state)?.lines.get(state.file) ?? []) {
    const at = place(line, state.file);
    if (at) found.set(at.from, HEATS[level]);
  }
  return RangeSet.of([...found].map(([from, marker]) => marker.range(from)), true);
}
