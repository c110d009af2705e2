/** Rows of a table by name, made when they are first wanted and kept for as long as they are. */

/**
 * @template {{element: HTMLElement}} Row
 */
export class Rows {
  /** @type {Map<string, Row>} */
  rows = new Map();

  /** @param {HTMLElement} body of the table */
  constructor(body) {
    this.body = body;
  }

  /**
   * A row that is not there yet.
   * @param {string} name
   * @returns {Row}
   */
  make(name) {
    throw new Error(`no row is made for ${name}`);
  }

  /** Make the rows be exactly these, in order. @param {string[]} wanted */
  names(wanted) {
    const keep = new Set(wanted);
    for (const [name, row] of this.rows)
      if (!keep.has(name)) {
        row.element.remove();
        this.rows.delete(name);
      }
    /** @type {HTMLElement | null} */
    let previous = null;
    for (const name of wanted) {
      const row = this.row(name);
      /** @type {ChildNode | null} */
      const next = previous ? previous.nextSibling : this.body.firstChild;
      if (next !== row.element) this.body.insertBefore(row.element, next);
      previous = row.element;
    }
  }

  /** A row, made where there is none. @param {string} name */
  row(name) {
    const known = this.rows.get(name);
    if (known) return known;
    const made = this.make(name);
    this.rows.set(name, made);
    return made;
  }

  /** Let go of all of them. */
  clear() {
    for (const row of this.rows.values()) row.element.remove();
    this.rows.clear();
  }
}
