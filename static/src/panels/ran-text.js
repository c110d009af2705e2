/** The text that ran, and where its lines are in the text as it is edited further. */
import { ChangeSet } from "@codemirror/state";

/** @import { Text } from "@codemirror/state" */

export class RanText {
  /** @type {Text | null} */
  base = null;
  /** @type {ChangeSet | null} what was edited since */
  changes = null;

  /**
   * From now on line numbers of the run mean this text.
   * @param {Text} doc
   */
  begin(doc) {
    this.base = doc;
    this.changes = ChangeSet.empty(doc.length);
  }

  forget() {
    this.base = this.changes = null;
  }

  /** @param {ChangeSet} changes */
  edited(changes) {
    if (this.changes) this.changes = this.changes.compose(changes);
  }

  /**
   * Where a line of the text that ran is now, or null.
   * @param {Text} now
   * @param {number | null | undefined} number
   */
  line(now, number) {
    if (!this.base || !this.changes || !number || number > this.base.lines) return null;
    const from = this.changes.mapPos(this.base.line(number).from, 1);
    return now.lineAt(Math.min(from, now.length));
  }

  /**
   * The line of the text that ran which is at a position of the text now; null where there is none, or no run.
   * @param {Text} now
   * @param {number} at
   */
  original(now, at) {
    if (!this.base) return null;
    const wanted = now.lineAt(at).number;
    let low = 1;
    let high = this.base.lines;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.line(now, middle)?.number ?? 0) < wanted) low = middle + 1;
      else high = middle;
    }
    return this.line(now, low)?.number === wanted ? low : null;
  }

  /**
   * Where a line and column of the text that ran are now. Before a run they are those of `now`.
   * @param {Text} now
   * @param {number} line
   * @param {number} column
   */
  position(now, line, column) {
    const doc = this.base ?? now;
    const at = doc.line(Math.max(1, Math.min(line, doc.lines)));
    const place = Math.min(at.to, at.from + Math.max(0, column - 1));
    return this.changes ? this.changes.mapPos(place) : place;
  }
}
