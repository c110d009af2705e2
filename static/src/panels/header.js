/** The header: examples, program and options, run, share, help and theme. */
import { Panel } from "../core/panel.js";
import { saveDraft } from "../core/draft.js";
import { fill, h, setAttr, setText, fieldValue } from "../ui/dom.js";
import { Share } from "./share.js";
import { programName } from "./why-log.js";

/** @import { LogProgram, Options } from "../types/messages.js" */

const PROG_TYPES = ["xdp", "tc", "socket", "tracepoint", "kprobe", "raw_tp", "cgroup_skb/ingress"];

/** Options that make a run another one than most expect: said beside the program for as long as they hold. @type {{label: string, back: string, on: (options: Options) => boolean, off: Options}[]} */
const MODES = [
  { label: "Verifier off", back: "Verify again", on: (options) => options.verify === false, off: { verify: true } },
  { label: "Unprivileged", back: "Load with privileges again", on: (options) => options.unprivileged === true, off: { unprivileged: false } },
  { label: "Interpreter", back: "Run machine code again", on: (options) => options.engine === "interpreter", off: { engine: "jit" } },
];

/** Programs whose logs are in one text, as those of an object. @param {LogProgram[]} list */
const logPrograms = (list) => list.slice(0, 200).map((each) => ({ name: programName(each), option: `#${each.number}`, section: each.message, prog_type: 0, error: "" }));

export class Header extends Panel {
  stamp = "";

  build() {
    const { store } = this;
    /** @param {string} id */
    const $ = (id) => this.find(id);
    $("run").addEventListener("click", () => this.runOrCancel());
    const share = new Share(/** @type {HTMLElement | null} */ (this.querySelector(".share-form")), /** @type {HTMLDialogElement} */ ($("shared")), this.scope);
    $("share").addEventListener("click", () => share.open());
    $("help").addEventListener("click", () => this.help());
    $("theme").addEventListener("click", () => this.theme());
    this.menus();
    this.examples();
    store.on(["program", "options", "stages", "kind", "upload"], () => this.options());
    store.on(["status", "kind"], () => this.status());
    store.on(["notice"], () => this.notice());
    store.on(["kernel", "stages"], () => {
      const { verify } = store.state.stages;
      // A log has another kernel's name than the one that is emulated.
      const kernel = (!verify?.read_from && verify?.kernel) || store.state.kernel;
      if (kernel) setText($("kernel"), kernel);
    });
  }

  /**
   * A part of the header that the template made.
   * @template {HTMLElement} [T=HTMLElement]
   * @param {string} id
   * @returns {T}
   */
  find(id) {
    const part = this.querySelector(`[data-part="${id}"]`);
    if (!part) throw new Error(`the header has no ${id}`);
    return /** @type {T} */ (part);
  }

  runOrCancel() {
    if (this.store.state.status.state === "running") this.scope.protocol.cancel();
    else this.scope.run();
  }

  /** A menu is a <details>; one open at a time, Escape closes. */
  menus() {
    const menus = [...this.querySelectorAll("details")];
    for (const menu of menus) {
      menu.addEventListener("toggle", () => {
        if (menu.open) for (const other of menus) if (other !== menu) other.open = false;
      });
      menu.addEventListener("keydown", (event) => {
        if (event.key !== "Escape" || !menu.open) return;
        menu.open = false;
        /** @type {HTMLElement | null} */ (menu.querySelector("summary"))?.focus();
        event.stopPropagation();
      });
    }
    document.addEventListener("pointerdown", (event) => {
      for (const menu of menus) if (menu.open && !menu.contains(/** @type {Node} */ (event.target))) menu.open = false;
    });
  }

  /** Examples open in place when their JSON is there, and as a page otherwise. */
  examples() {
    this.addEventListener("click", (event) => {
      const link = event.target instanceof Element ? event.target.closest("a[data-example]") : null;
      if (!(link instanceof HTMLAnchorElement) || event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      void this.open(link);
    });
  }

  /** @param {HTMLAnchorElement} link */
  async open(link) {
    const menu = link.closest("details");
    if (menu) menu.open = false;
    try {
      const response = await fetch(`${link.pathname.replace(/\/$/, "")}.json`, { headers: { Accept: "application/json" } });
      if (!response.ok) throw new Error(String(response.status));
      const { program, record } = await response.json();
      this.scope.trail?.open(link.pathname, program, record);
    } catch {
      location.href = link.href;
    }
  }

  options() {
    const { program, options, stages, kind } = this.store.state;
    const body = this.find("program-menu");
    const log = kind === "log";
    const programs = log ? logPrograms(stages.verify?.read_from?.programs ?? []) : (stages.load?.programs ?? []);
    setText(this.find("program-name"), stages.load?.program || options.program || program.title || "untitled");
    /** @param {Options} patch */
    const set = (patch) => {
      this.store.set({ options: { ...this.store.state.options, ...patch } });
      saveDraft(this.store.state);
      this.scope.run();
    };
    /** @template {string} V @param {string} label @param {V} value @param {V[]} values @param {(value: V) => void} change */
    const select = (label, value, values, change) =>
      h(
        "label",
        { class: "option" },
        h("span", null, label),
        h("select", { on: { change: (event) => change(/** @type {V} */ (fieldValue(event))) } }, values.map((v) => h("option", { value: v, selected: v === value }, v))),
      );
    /** @param {string} label @param {boolean} checked @param {(checked: boolean) => void} change */
    const check = (label, checked, change) => {
      const box = h("input", { type: "checkbox", checked });
      box.addEventListener("change", () => change(box.checked));
      return h("label", { class: "option" }, h("span", null, label), box);
    };
    const stamp = JSON.stringify([programs, options, kind, stages.load?.program, program.id]);
    if (stamp === this.stamp) return;
    this.stamp = stamp;
    const modes = log ? [] : MODES.filter((mode) => mode.on(options));
    fill(
      this.find("modes"),
      modes.map((mode) => h("button", { type: "button", class: "chip mode-chip", title: mode.back, "aria-label": `${mode.label}. ${mode.back}`, on: { click: () => set(mode.off) } }, mode.label, h("span", { "aria-hidden": "true" }, " ✕"))),
    );
    fill(
      body,
      programs.length > 1
        ? h(
            "div",
            { class: "programs", role: "group", "aria-label": log ? "Programs in this log" : "Programs in this object" },
            programs.map((p) =>
              h(
                "button",
                {
                  type: "button",
                  class: "menu-item",
                  "aria-pressed": p.name === stages.load?.program ? "true" : "false",
                  disabled: Boolean(p.error),
                  title: p.error ?? "",
                  on: { click: () => set({ program: "option" in p ? String(p.option) : p.name }) },
                },
                h("b", null, p.name),
                h("span", { class: "hint" }, ` ${p.error || p.section || p.prog_type || ""}`),
              ),
            ),
          )
        : null,
      kind === "c" ? select("Optimization", options.opt ?? "O2", ["O0", "O1", "O2"], (opt) => set({ opt })) : null,
      kind === "c" ? select("Instruction set", options.mcpu ?? "v3", ["v1", "v2", "v3", "v4"], (mcpu) => set({ mcpu })) : null,
      kind === "asm" || kind === "hex" ? select("Program type", options.prog_type ?? "xdp", PROG_TYPES, (prog_type) => set({ prog_type })) : null,
      log && programs.length < 2 ? h("p", { class: "hint" }, "A log is read: there is nothing to choose.") : null,
      log ? null : select("Run with", options.engine ?? "jit", ["jit", "interpreter"], (engine) => set({ engine })),
      log ? null : check("Unprivileged", options.unprivileged === true, (unprivileged) => set({ unprivileged })),
      log ? null : check("Verify before running", options.verify !== false, (verify) => set({ verify })),
      program.id ? h("a", { class: "menu-item report-link", href: `/s/${program.id}/report`, rel: "nofollow" }, "Report this program") : null,
    );
  }

  status() {
    const running = this.store.state.status.state === "running";
    const does = this.store.state.kind === "log" ? "Read" : "Run";
    const run = this.find("run");
    setText(this.find("run-text"), running ? "Stop" : does);
    setAttr(run, "data-running", running);
    setAttr(run, "aria-label", running ? "Stop the run" : `${does} (Ctrl+Enter)`);
  }

  /** What is said once. */
  notice() {
    const { notice } = this.store.state;
    const part = this.find("notice");
    part.hidden = !notice;
    if (notice) fill(part, notice, " ", h("button", { type: "button", class: "chip", on: { click: () => this.store.set({ notice: "" }) } }, "OK"));
  }

  help() {
    /** @type {HTMLDialogElement | null} */ (document.querySelector("#help"))?.showModal();
  }

  theme() {
    const root = document.documentElement;
    const now = root.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
    root.dataset.theme = now === "dark" ? "light" : "dark";
    try {
      localStorage.setItem("bpfscope.theme", root.dataset.theme);
    } catch {
      // It then lasts until the page is left.
    }
  }
}
