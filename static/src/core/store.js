/**
 * The one store. Panels read it and subscribe to keys; changes made in one turn reach each panel once, in the
 * next animation frame, so a key press costs one paint.
 */

/**
 * @typedef {{stage: string, status: string, ms?: number, summary?: string, message?: string, [key: string]: any}} Stage
 */

export class Store {
  constructor(initial) {
    /** @type {any} */
    this.state = initial;
    this.dirty = new Set();
    /** @type {{keys: string[], run: (changed: Set<string>) => void}[]} */
    this.readers = [];
    this.scheduled = false;
  }

  /** Change keys; readers of those that differ run in the next frame. */
  set(patch) {
    for (const [key, value] of Object.entries(patch)) {
      if (Object.is(this.state[key], value)) continue;
      this.state[key] = value;
      this.dirty.add(key);
    }
    if (this.dirty.size && !this.scheduled) {
      this.scheduled = true;
      // A hidden tab gets no frames; it must still follow the run.
      if (document.visibilityState === "visible") requestAnimationFrame(() => this.flush());
      else setTimeout(() => this.flush(), 0);
    }
  }

  /** Say that a key changed inside. */
  touch(key) {
    this.set({ [key]: { ...this.state[key] } });
  }

  /** Run now what would run in the next frame. */
  flush() {
    this.scheduled = false;
    if (!this.dirty.size) return;
    const changed = this.dirty;
    this.dirty = new Set();
    for (const reader of this.readers) if (reader.keys.some((key) => changed.has(key))) reader.run(changed);
  }

  /** Call `run` now and whenever one of `keys` changed. */
  on(keys, run) {
    this.readers.push({ keys, run });
    run(new Set(keys));
  }
}
