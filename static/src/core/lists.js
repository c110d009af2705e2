/**
 * Long lists of a run: the stage's message holds the beginning, and the rest is asked for in parts (docs/protocol.md,
 * "Parts of long lists"). What came is kept until the next run.
 */

/** @import { ArrivalsPart, HoldingsPart, InsnsPart, ListingPart, LogPart, PartRequest, PathsPart, PrecisionPart, PruningsPart, TreePart } from "../types/messages.js" */
/** @import { State } from "./store.js" */

/** @typedef {PartRequest["list"]} ListName */
/** @typedef {InsnsPart | ListingPart | LogPart | PathsPart | PruningsPart | ArrivalsPart | PrecisionPart | HoldingsPart | TreePart} Part */

/** Items asked for at once, at most. */
const MOST = 1024;
/** Milliseconds after which a part that did not come is asked for again: the server may not have had it yet. */
const AGAIN = 1000;

/**
 * @typedef {{items: any[], total: number, here: number, asked: Map<number, number>}} List `items` has a hole where an item
 *   is not here; `here` counts those that are
 */

export class Lists {
  /** @type {Map<ListName, List>} */
  lists = new Map();

  /** @param {(list: ListName, from: number, to: number) => void} ask sends a request */
  constructor(ask) {
    this.ask = ask;
  }

  /** A new run begins. */
  clear() {
    this.lists.clear();
  }

  /** The connection is gone: nothing is on its way any more. */
  forget() {
    for (const list of this.lists.values()) list.asked.clear();
  }

  /**
   * Know the lists of a stage's message of which it holds only the beginning.
   * @param {object} message a `stage` message
   */
  open(message) {
    /** @type {any} its lists are known by name alone */
    const named = message;
    for (const [key, total] of Object.entries(named.more ?? {})) {
      const name = /** @type {ListName} */ (key);
      // Of the log the message holds the end as well: core/model.js knows those lines.
      const items = name === "log" ? [] : [...(named[name] ?? [])];
      const here = items.length;
      items.length = total;
      this.lists.set(name, { items, total, here, asked: new Map() });
    }
  }

  /** Whether nothing of a list is missing: it came with its message, or in parts. @param {ListName} name */
  whole(name) {
    const list = this.lists.get(name);
    return !list || list.here >= list.total;
  }

  /** All items of a list that is whole; null for one that came with its message, or is not whole. @param {ListName} name */
  items(name) {
    const list = this.lists.get(name);
    return list && list.here >= list.total ? list.items : null;
  }

  /** Take a `part` message; false where it brings nothing. @param {Part} message */
  add({ list: name, from, items }) {
    const list = this.lists.get(name);
    if (!list || !items.length) return false;
    for (const [i, item] of items.entries()) {
      if (list.items[from + i] === undefined) list.here++;
      list.items[from + i] = item;
    }
    return true;
  }

  /** Ask for items [from, to) unless they are here or on their way. @param {ListName} name @param {number} from @param {number} to */
  need(name, from, to) {
    const list = this.lists.get(name);
    if (!list) return;
    const last = Math.min(to, list.total);
    const now = performance.now();
    let at = Math.max(0, from);
    while (at < last) {
      if (list.items[at] !== undefined || now - (list.asked.get(at) ?? -1e9) < AGAIN) {
        at++;
        continue;
      }
      let end = at;
      while (end < last && end - at < MOST && list.items[end] === undefined) list.asked.set(end++, now);
      this.ask(name, at, end);
      at = end;
    }
  }

  /** Ask for what is missing of lists; true where nothing is. @param {ListName[]} names */
  all(...names) {
    for (const name of names) this.need(name, 0, Infinity);
    return names.every((name) => this.whole(name));
  }
}

/** Lists that say why the walk went as it did. @type {ListName[]} */
export const REASONS = ["paths", "prunings", "arrivals", "precision", "holdings"];

/**
 * Ask for the lists that the panels in sight show.
 * @param {State} state
 * @param {Lists} lists
 */
export function needs({ view, pane, dock, step, stages, shape }, lists) {
  const shown = dock ? pane : "";
  const { verify } = stages;
  if (view === "run" || shown === "machine") lists.all("listing");
  if (shown === "paths") {
    const { view: part } = shape;
    if (part === "paths") lists.all(verify?.tree ? "tree" : "paths");
    else if (part === "states" || part === "loops") lists.all(...REASONS);
  }
  // A rejection opens Why by itself, and tells of its own step all that is shown.
  const told = verify?.fail?.step ?? verify?.stopped?.step ?? -1;
  if (shown === "why" && view === "verify" && step !== told) lists.all(...REASONS);
  // Of what is held at a step, the paths between are part.
  if (verify?.reasons_total?.holdings) lists.all("holdings", "paths");
}
