/** What a run in a guest is asked for, on the panel Real and for a recording: kernel, workload, time, and what is changed before. */
import { fill, h } from "../ui/dom.js";
import { count } from "../ui/format.js";
import { RealSetup } from "./real-setup.js";

/** @import { KernelName, SetupGiven } from "../types/messages.js" */

/** @type {[string, string][]} */
const WORKLOADS = [
  ["shell", "a shell that starts processes"],
  ["files", "files that are written and read"],
  ["network", "TCP, DNS and ping between two network namespaces"],
  ["scheduler", "a busy scheduler"],
  ["", "a line of shell"],
];
const SECONDS = [2, 5, 10, 30];

export class GuestFields {
  /**
   * @param {import("../core/scope.js").Scope} scope
   * @param {string} prefix of the fields' ids
   */
  constructor(scope, prefix) {
    /** The kernels that are offered. */
    this.known = "";
    this.kernel = h("select", { id: `${prefix}-kernel` }, h("option", { value: "" }, "the emulated version"));
    this.workload = h("select", { id: `${prefix}-workload`, on: { change: () => this.show() } }, WORKLOADS.map(([value, label]) => h("option", { value }, label)));
    this.shell = h("input", { id: `${prefix}-shell`, type: "text", maxlength: "1000", spellcheck: "false", autocomplete: "off", autocapitalize: "off", placeholder: "for i in 1 2 3; do ls /proc >/dev/null; done" });
    this.shellField = h("p", { class: "real-shell" }, h("label", { for: `${prefix}-shell` }, "Line of shell (busybox) "), this.shell);
    this.seconds = h("select", { id: `${prefix}-seconds` }, SECONDS.map((each) => h("option", { value: String(each) }, count(each, "second"))));
    this.seconds.value = "5";
    this.setup = new RealSetup(scope);
    this.elements = [
      h("p", null, h("label", { for: `${prefix}-kernel` }, "Kernel "), this.kernel),
      h("p", null, h("label", { for: `${prefix}-workload` }, "Workload "), this.workload),
      this.shellField,
      h("p", null, h("label", { for: `${prefix}-seconds` }, "At most "), this.seconds),
    ];
    this.offer((scope.config.kernels ?? []).map((name) => ({ name, release: `Linux ${name}` })), "");
    this.show();
  }

  /** Show the fields of what is chosen. */
  show() {
    this.shellField.hidden = this.workload.value !== "";
  }

  /** What is asked for; null, with the focus on what is missing, if that is not enough. @returns {{kernel: string, workload: string, shell: string, seconds: number, setup?: SetupGiven} | null} */
  asked() {
    const shell = this.workload.value ? "" : this.shell.value.trim();
    if (!this.workload.value && !shell) {
      this.shell.focus();
      return null;
    }
    return { kernel: this.kernel.value, workload: this.workload.value || "shell", shell, seconds: Number(this.seconds.value), ...this.setup.given() };
  }

  /** Show what was asked for earlier. @param {Record<string, string | number>} told */
  restore(told) {
    this.workload.value = told.shell ? "" : String(told.workload ?? this.workload.value);
    this.shell.value = String(told.shell ?? "");
    this.seconds.value = String(told.seconds ?? this.seconds.value);
    this.show();
  }

  /** Have these kernels to choose from. @param {KernelName[]} kernels @param {string} used the one that is chosen where none was */
  offer(kernels, used) {
    const said = kernels.map((each) => each.release).join();
    if (!kernels.length || said === this.known) return;
    this.known = said;
    const chosen = this.kernel.value || used;
    fill(this.kernel, h("option", { value: "" }, "the emulated version"), kernels.map((each) => h("option", { value: each.name }, each.release)));
    this.kernel.value = kernels.some((each) => each.name === chosen) ? chosen : "";
  }
}
