/** The program as the verifier rewrote it (`bpftool prog dump xlated`). Asked for when the panel is opened. */
import { Panel } from "../core/panel.js";
import { fill, h, setText } from "../ui/dom.js";
import { count } from "../ui/format.js";
import { VirtualList } from "../ui/virtual.js";

/** @import { Answer } from "../core/analyses.js" */
/** @import { RewrittenEntry, RewrittenProgram } from "../types/messages.js" */
/** @import { Row } from "../ui/virtual.js" */

export class RewrittenPane extends Panel {
  /** @type {VirtualList} */
  list;
  /** @type {HTMLParagraphElement} */
  said;
  /** @type {RewrittenEntry[]} */
  insns = [];
  /** @type {Answer<RewrittenProgram> | undefined} */
  shown;
  /** Number of the instruction under the cursor. */
  here = -1;

  build() {
    const { store, scope } = this;
    this.list = new VirtualList({
      label: "Rewritten instructions",
      className: "rewritten",
      render: (index, row) => this.row(index, row),
      pick: (index) => void scope.search.visitInsn(this.insns[index].orig_idx),
    });
    this.said = h("p", { class: "empty" });
    this.append(this.said, this.list.element);
    store.on(["pane", "dock", "stages", "analyses"], () => this.paint());
    store.on(["step", "view", "windows"], () => this.follow());
  }

  paint() {
    const { pane, dock, stages } = this.store.state;
    const { analyses } = this.scope;
    if (pane === "rewritten" && dock && stages.verify?.verdict === "accept") analyses.ask("rewritten");
    const answer = analyses.answer("rewritten");
    if (answer === this.shown && this.said.textContent) return;
    this.shown = answer;
    this.insns = answer?.parts[0]?.insns ?? [];
    const changed = this.insns.filter((insn) => insn.changed).length;
    setText(
      this.said,
      answer?.status === "failed"
        ? answer.message
        : answer?.status === "done"
          ? `${count(this.insns.length, "instruction")} after the verifier, ${changed} of them written by it (marked). The JIT translates these.`
          : "Reading the rewritten program…",
    );
    this.list.element.hidden = !this.insns.length;
    this.list.reset(this.insns.length);
    this.follow();
  }

  follow() {
    if (!this.insns.length) return;
    this.here = this.scope.cursor.now()?.idx ?? -1;
    this.list.select(this.insns.findIndex((insn) => insn.orig_idx === this.here));
  }

  /** @param {number} index @param {Row} row */
  row(index, row) {
    const insn = this.insns[index];
    row.classList.toggle("same-insn", insn.orig_idx === this.here);
    if (row.of === insn) return;
    row.of = insn;
    fill(
      row,
      h("span", { class: "x86-off" }, `${insn.idx}:`),
      h("span", { class: "x86-insn" }, `${insn.orig_idx}:`),
      h("span", { class: "rewritten-mark", title: insn.changed ? "written by the verifier" : null }, insn.changed ? "±" : ""),
      h("code", { class: "insn-text" }, insn.text),
    );
  }
}
