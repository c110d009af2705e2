/** Programs that come into the editor as a whole: pasted, dropped, opened, or typed over all there was. */
import { isolateHistory } from "@codemirror/commands";
import { Transaction } from "@codemirror/state";
import { BadArchive } from "../core/archive.js";
import { bundled, dropped, madeOf, read, unpacked } from "../core/bundle.js";
import { detect, fromFile } from "../core/detect.js";
import { saveDraft } from "../core/draft.js";
import { MOST_BYTES, MOST_FILES, bytesOf } from "../core/files.js";
import { fill, h, setAttr, setText } from "../ui/dom.js";
import { setOrigin } from "./editor-setup.js";

/** @import { EditorView } from "@codemirror/view" */
/** @import { Entry } from "../core/archive.js" */
/** @import { FoundHeaders } from "../core/bundle.js" */
/** @import { Found, NotFound } from "../core/detect.js" */
/** @import { Limits } from "../types/messages.js" */
/** @import { Origin } from "./editor-setup.js" */

/** What a program starts with that comes with a recording. @param {import("../core/recording.js").Opened | undefined} found @param {import("../core/store.js").State} state */
const recorded = (found, { options }) =>
  found ? { input: found.input, options: { ...options, fix_includes: false, verify: true, engine: /** @type {const} */ ("jit"), ...found.options, program: found.program } } : {};

export class Intake {
  /** @type {unknown} the program that what is said belongs to */
  of;

  /**
   * @param {import("../core/store.js").Store} store
   * @param {() => EditorView} view
   * @param {HTMLElement} said where it is said what a text was taken for
   * @param {Partial<Limits>} limits
   * @param {() => void} run the program anew
   * @param {() => void} step what was recorded of the program, from its first event on
   */
  constructor(store, view, said, limits, run, step) {
    this.run = run;
    this.step = step;
    this.store = store;
    this.view = view;
    this.said = said;
    /** Where another of the opened files is offered. */
    this.instead = h("span");
    said.before(this.instead);
    this.limits = limits;
    for (const type of ["dragover", "drop"]) document.addEventListener(type, (event) => this.drag(/** @type {DragEvent} */ (event)));
    store.on(["program"], () => {
      if (store.state.program === this.of) return;
      setText(said, "");
      fill(this.instead);
    });
  }

  /**
   * Replace everything and say what it was taken for.
   * @param {Found} found
   */
  replace(found) {
    const { store } = this;
    if (found.input) {
      store.set({ input: found.input, ownInput: true, pane: "packet", dock: true, edited: store.state.edited + 1 });
    } else if (found.kind) {
      const origin = { ...this.anew(found.kind, found.name), files: found.files ?? {}, ...recorded(found.recording, this.store.state) };
      const long = this.long(found);
      if (found.kind === "elf" || long || store.state.kind === "elf" || store.state.upload || store.state.file) {
        this.of = origin.program;
        store.set({ ...origin, file: "", source: long ? "" : found.source, upload: long, edited: store.state.edited + 1, opened: store.state.opened + 1 });
      } else this.write(found.source, origin);
    }
    const { other } = found.kind ? found : {};
    const title = "Load the object instead of compiling the source";
    fill(this.instead, other ? h("button", { type: "button", class: "chip", title, on: { click: () => this.replace(other) } }, `Open ${other.name} instead`) : null);
    setText(this.said, found.said);
    setAttr(this.said, "title", found.said);
    setAttr(this.said, "data-tone", found.foreign ? "warn" : "");
    if (found.foreign) store.set({ status: { state: "error", message: found.said } });
    saveDraft(store.state);
    if (found.kind && found.recording) this.step();
  }

  /**
   * A log that is sent as a file, because no message carries it; null for everything else.
   * @param {import("../core/detect.js").FoundSource} found
   */
  long({ kind, source, file, name = "" }) {
    if (file) return { file, name };
    const most = this.limits.log_bytes;
    if (kind !== "log" || most === undefined || 3 * source.length <= most) return null;
    const blob = new Blob([source]);
    return blob.size > most ? { file: blob, name } : null;
  }

  /**
   * What a new program starts with: it is verified, whatever was chosen for the one before, and gets an input of its own.
   * @param {import("../core/store.js").SourceKind} kind
   * @returns {Origin}
   */
  anew(kind, title = "") {
    const { options, ownInput, input } = this.store.state;
    return {
      kind,
      files: {},
      options: { ...options, program: "", fix_includes: false, verify: true },
      input: ownInput && input.kind !== "recording" ? input : { kind: "auto" },
      program: { title },
      beside: null,
    };
  }

  /**
   * A text put in place of all there was is a new program also where it comes without a paste event (input methods).
   * @param {Transaction} transaction
   */
  startsOver(transaction) {
    const { startState, newDoc } = transaction;
    const { main } = startState.selection;
    const typed = transaction.docChanged && transaction.isUserEvent("input") && !transaction.effects.some((effect) => effect.is(setOrigin));
    if (!typed || !startState.doc.length || main.to - main.from < startState.doc.length) return null;
    const found = detect(newDoc.toString());
    return found?.whole ? { effects: setOrigin.of(this.anew(found.kind)) } : null;
  }

  /**
   * Replace the whole text as one change of its own: the cursor stands behind it, and undo brings back what was there.
   * @param {string} text
   * @param {Origin} origin
   */
  write(text, origin) {
    const { state } = this.view();
    const insert = state.toText(text);
    this.view().dispatch({
      changes: { from: 0, to: state.doc.length, insert },
      selection: { anchor: insert.length },
      effects: setOrigin.of(origin),
      annotations: [isolateHistory.of("full"), Transaction.userEvent.of("input.paste")],
      scrollIntoView: true,
    });
  }

  /**
   * @param {ClipboardEvent} event
   * @param {EditorView} view
   */
  paste(event, view) {
    const text = event.clipboardData?.getData("text/plain") ?? "";
    const whole = view.state.selection.main.to - view.state.selection.main.from >= view.state.doc.length;
    const found = detect(text);
    if (!found || !(whole || found.whole)) return false;
    event.preventDefault();
    this.replace(found);
    return true;
  }

  /** @param {DragEvent} event */
  drag(event) {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    if (event.type === "drop") void this.files(dropped(event.dataTransfer));
  }

  /** One file, several, what a folder holds, or an archive. @param {{path: string, file: File}[] | Promise<{path: string, file: File}[]>} given */
  async files(given) {
    /** @type {Found | FoundHeaders | NotFound | null} */
    let found;
    try {
      found = await this.taken(await given);
    } catch (error) {
      if (!(error instanceof BadArchive)) throw error;
      found = { error: error.message };
    }
    if (!found) return;
    if (found.error !== undefined) this.refuse(found.error);
    else if ("headers" in found) this.beside(found);
    else this.replace(found);
  }

  /** @param {{path: string, file: File}[]} files @returns {Promise<Found | FoundHeaders | NotFound | null>} */
  async taken(files) {
    if (!files.length) return { error: "There is no source, header or object in this folder." };
    const [{ path, file }] = files;
    const { kind, source } = this.store.state;
    const object = kind === "elf" ? atob(source) : "";
    if (files.length === 1) {
      const archive = await unpacked(file);
      if (archive) return bundled(archive.entries, { left: archive.left, from: file.name, limits: this.limits, object });
      if (!madeOf(path, object) && !/\.(h|hpp|inc)$/i.test(path) && path === file.name) return fromFile(file, this.limits);
    }
    const top = path.includes("/") ? `${path.split("/")[0]}/` : `${files.length} files`;
    /** @type {Entry[]} */
    const entries = await read(files);
    return bundled(entries, { left: files.length - entries.length, from: files.length === 1 ? file.name : top, limits: this.limits, object });
  }

  /** Headers that come alone, and sources of the object that is open, belong to the program that is there. @param {FoundHeaders} found */
  beside({ headers, said }) {
    const { store } = this;
    const { kind, files } = store.state;
    const all = { ...files, ...headers };
    const [first] = Object.keys(headers);
    if (kind !== "c" && kind !== "elf") this.refuse("A header belongs to a C program: open that first.");
    else if (kind === "elf" && !Object.keys(headers).every((name) => madeOf(name, atob(this.store.state.source)))) this.refuse(`The object was not made of ${first}: it does not name it.`);
    else if (Object.keys(all).length > MOST_FILES || bytesOf(all) > MOST_BYTES) this.refuse(`At most ${MOST_FILES} files, together ${MOST_BYTES >> 10} KiB, can stand beside the source.`);
    else {
      store.set({ files: all, ...(kind === "c" ? { file: first } : {}), edited: store.state.edited + 1 });
      setText(this.said, said);
      setAttr(this.said, "data-tone", "");
      saveDraft(store.state);
      if (kind === "elf" && store.state.ran) this.run();
    }
  }

  /** @param {string} why */
  refuse(why) {
    setText(this.said, why);
    setAttr(this.said, "title", why);
    setAttr(this.said, "data-tone", "bad");
  }
}
