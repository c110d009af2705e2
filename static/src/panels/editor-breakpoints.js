/** Breakpoints beside the lines of the source: a gutter that is clicked, and their marks. */
import { RangeSet, StateEffect, StateField } from "@codemirror/state";
import { GutterMarker, gutter } from "@codemirror/view";
import { placeOf } from "../core/breakpoints.js";
import { h } from "../ui/dom.js";

/** @import { Extension, StateEffectType, Text } from "@codemirror/state" */
/** @import { Breakpoint } from "../core/breakpoints.js" */

class Mark extends GutterMarker {
  /** @param {boolean} enabled */
  constructor(enabled) {
    super();
    this.enabled = enabled;
  }
  /** @param {Mark} other @override */
  eq(other) {
    return other.enabled === this.enabled;
  }
  /** @override */
  toDOM() {
    return h("span", { class: "bs-break", data: { stop: this.enabled ? "on" : "off" } });
  }
}

/** @type {StateEffectType<RangeSet<GutterMarker>>} */
export const setBreakpoints = StateEffect.define();

/** What is marked. @type {StateField<RangeSet<GutterMarker>>} */
export const markedLines = StateField.define({
  create: () => RangeSet.empty,
  update: (marks, transaction) => transaction.effects.findLast((effect) => effect.is(setBreakpoints))?.value ?? marks.map(transaction.changes),
});

/** The gutter. @param {(from: number) => void} toggle gets the start of the line that was clicked @returns {Extension} */
export const breakpointGutter = (toggle) => [
  markedLines,
  gutter({
    class: "bs-break-gutter",
    markers: (view) => view.state.field(markedLines),
    initialSpacer: () => new Mark(true),
    domEventHandlers: {
      mousedown: (_view, line, event) => {
        event.preventDefault();
        toggle(line.from);
        return true;
      },
    },
  }),
];

/**
 * The marks of the breakpoints on lines.
 * @param {Breakpoint[]} breakpoints
 * @param {(line: number, file: string) => {from: number} | null} place where a line is in the text
 */
export function marksOf(breakpoints, place) {
  /** @type {Map<number, Mark>} */
  const found = new Map();
  for (const { kind, value, enabled } of breakpoints) {
    const line = kind === "line" ? place(placeOf(value).line, placeOf(value).file) : null;
    if (line) found.set(line.from, new Mark(enabled));
  }
  return RangeSet.of([...found].map(([from, mark]) => mark.range(from)), true);
}

/** A line of a text, or null. @param {Text} doc @param {number} number */
export const lineOf = (doc, number) => (number >= 1 && number <= doc.lines ? doc.line(number) : null);
