/** The files of a program above the editor: the source and its own headers, as tabs that can be added, renamed and removed. */
import { saveDraft } from "../core/draft.js";
import { baseName, without, wrongName } from "../core/files.js";
import { fill, h, setText } from "../ui/dom.js";
import { isFixed } from "./editor-setup.js";

/** @import { Scope } from "../core/scope.js" */

/** Characters of a name that a tab shows. */
const SHOWN = 28;
const SOURCE = /\.c$/i;

export class FileTabs {
  /** @type {string} what the tabs were made of */
  stamp = "";
  /** @type {"" | "add" | "rename"} what the form is for */
  asking = "";

  /**
   * @param {Scope} scope
   * @param {() => void} focus the editor
   */
  constructor(scope, focus) {
    this.scope = scope;
    this.store = scope.store;
    this.focus = focus;
    this.list = h("div", { class: "file-tabs", role: "tablist", "aria-label": "Files", on: { keydown: (event) => this.key(event) } });
    this.adds = h("button", { type: "button", class: "chip", title: "Add a header, for #include \"…\"", on: { click: () => this.ask("add") } }, "+ Header");
    this.renames = h("button", { type: "button", class: "chip", on: { click: () => this.ask("rename") } }, "Rename");
    this.removes = h("button", { type: "button", class: "chip", on: { click: () => this.remove() } }, "Remove");
    this.mains = h("button", { type: "button", class: "chip", title: "Compile this file; the source becomes a file beside it", on: { click: () => this.swap() } }, "Use as source");
    this.name = h("input", { type: "text", maxlength: "128", spellcheck: "false", autocomplete: "off", autocapitalize: "off" });
    this.accepts = h("button", { type: "submit", class: "button primary" }, "Add");
    this.form = h(
      "form",
      { class: "file-form", hidden: true, on: { submit: (event) => this.accept(event), keydown: (event) => this.escape(event) } },
      this.name,
      this.accepts,
      h("button", { type: "button", class: "button", on: { click: () => this.shut() } }, "Cancel"),
    );
    this.said = h("span", { class: "hint", role: "status" });
    this.element = h("div", { class: "file-bar" }, this.list, h("span", { class: "file-acts" }, this.mains, this.renames, this.removes), this.form, this.said);
    this.store.on(["files", "file", "kind", "source", "code", "opened", "upload"], () => this.paint());
    this.store.on(["opened"], () => this.shut());
  }

  /** Without other files, and nothing asked or said, there is no bar. */
  shown() {
    this.list.hidden = !this.names().length;
    this.element.hidden = this.list.hidden && !this.asking && !this.said.textContent;
  }

  /** Names of what there is beside the source. */
  names() {
    const { kind, files, code } = this.store.state;
    if (kind === "elf") return Object.keys(code.files).sort();
    return kind === "c" ? Object.keys(files) : [];
  }

  paint() {
    const { kind, file, program } = this.store.state;
    const names = this.names();
    const own = kind === "c" && !isFixed();
    if (file && !names.includes(file)) {
      this.store.set({ file: "" });
      return;
    }
    this.shown();
    this.adds.hidden = !own;
    this.renames.hidden = this.removes.hidden = !own || !file;
    this.mains.hidden = !own || !SOURCE.test(file);
    const first = kind === "elf" ? "Source" : mainName(program.title);
    const stamp = JSON.stringify([first, file, names]);
    if (stamp === this.stamp) return;
    this.stamp = stamp;
    const focused = this.list.contains(document.activeElement);
    // Two files of one name are told apart by their folders.
    const alone = (/** @type {string} */ name) => names.filter((other) => baseName(other) === baseName(name)).length < 2;
    fill(this.list, [["", first], ...names.map((name) => [name, alone(name) ? baseName(name) : name])].map(([name, label]) => this.tab(name, label, name === file)));
    if (focused) this.current()?.focus();
  }

  /** @param {string} name @param {string} label @param {boolean} selected */
  tab(name, label, selected) {
    const short = label.length > SHOWN ? `${label.slice(0, SHOWN - 1)}…` : label;
    return h(
      "button",
      { type: "button", role: "tab", class: "file-tab", "aria-selected": selected ? "true" : "false", tabindex: selected ? "0" : "-1", title: name || label, data: { file: name }, on: { click: () => this.open(name) } },
      short,
    );
  }

  current() {
    return /** @type {HTMLElement | null} */ (this.list.querySelector('[aria-selected="true"]'));
  }

  /** @param {string} name */
  open(name) {
    this.shut();
    setText(this.said, "");
    this.store.set({ file: name });
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const all = ["", ...this.names()];
    const at = all.indexOf(this.store.state.file);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: all.length - 1 }[event.key];
    if (to !== undefined) this.open(all[(to + all.length) % all.length]);
    else if (event.key === "F2" && !this.renames.hidden) this.ask("rename");
    else if (event.key === "Delete" && !this.removes.hidden) this.remove();
    else if (event.key === "Enter" || event.key === " ") this.focus();
    else return;
    event.preventDefault();
    event.stopPropagation(); // the arrows are keys of the page too
  }

  /** Ask for a name. @param {"add" | "rename"} what */
  ask(what) {
    this.asking = what;
    this.form.hidden = false;
    const rename = what === "rename";
    this.name.value = rename ? this.store.state.file : "";
    this.name.placeholder = "parse.h";
    this.name.setAttribute("aria-label", rename ? "New name of the file" : "Name of the new header");
    setText(this.accepts, rename ? "Rename" : "Add");
    setText(this.said, "");
    this.shown();
    this.name.focus();
    this.name.select();
  }

  shut() {
    this.asking = "";
    this.form.hidden = true;
    this.name.removeAttribute("aria-invalid");
    this.shown();
  }

  /** @param {KeyboardEvent} event */
  escape(event) {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    const back = this.asking === "add" ? this.adds : this.renames;
    this.shut();
    setText(this.said, "");
    this.shown();
    back.focus();
  }

  /** @param {Event} event */
  accept(event) {
    event.preventDefault();
    const { files, file } = this.store.state;
    const name = this.name.value.trim();
    const old = this.asking === "rename" ? file : "";
    const wrong = name === old && old ? "" : wrongName(name, files, old);
    setText(this.said, wrong);
    if (wrong) {
      this.name.setAttribute("aria-invalid", "true");
      this.name.focus();
      return;
    }
    this.shut();
    this.change(old ? without(files, old, name) : { ...files, [name]: "" }, name);
    setText(this.said, old ? `Renamed to ${name}.` : `Added ${name}. The source takes it with #include "${name}".`);
    if (old) this.current()?.focus();
    else this.focus();
  }

  /** A header that the source includes and that is not here, empty, for its text. @param {string} name */
  write(name) {
    const { files } = this.store.state;
    const wrong = name in files ? "" : wrongName(name, files);
    setText(this.said, wrong || `Paste the text of ${name} here, and run again.`);
    this.shown();
    if (wrong) return;
    this.change({ [name]: "", ...files }, name);
    this.focus();
  }

  remove() {
    const { files, file } = this.store.state;
    const text = files[file];
    this.change(without(files, file), "");
    const back = h("button", { type: "button", class: "line-link", on: { click: () => this.undo(file, text) } }, "Bring it back");
    fill(this.said, `Removed ${file}. `, back);
    this.store.flush();
    (this.current() ?? this.adds).focus();
  }

  /** @param {string} name @param {string} text */
  undo(name, text) {
    const { files } = this.store.state;
    const wrong = wrongName(name, files);
    setText(this.said, wrong);
    if (wrong) return;
    this.change({ ...files, [name]: text }, name);
    this.store.flush();
    this.current()?.focus();
  }

  /** Another of the files is compiled; what was compiled so far stands beside it. */
  swap() {
    const { files, file, source, program, opened } = this.store.state;
    const name = mainName(program.title);
    const rest = without(files, file);
    const wrong = wrongName(name, rest);
    setText(this.said, wrong);
    if (wrong) return;
    this.store.set({
      source: files[file], files: { ...rest, [name]: source }, file: "", program: { ...program, id: null, example: null, title: baseName(file) }, opened: opened + 1,
      options: { ...this.store.state.options, program: "" }, breakpoints: [],
    });
    this.changed();
    this.scope.run();
  }

  /** @param {import("../core/files.js").Files} files @param {string} file */
  change(files, file) {
    this.store.set({ files, file });
    this.changed();
  }

  changed() {
    this.store.set({ edited: this.store.state.edited + 1 });
    saveDraft(this.store.state);
    this.scope.trail?.edited();
  }
}

/** What the source is called: as the file it came from, or main.c. @param {string} title */
export const mainName = (title) => (SOURCE.test(title) && !wrongName(title, {}) ? title : "main.c");
