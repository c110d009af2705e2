/** A run on a real kernel: all programs of the object attached while a workload runs; what they put out, as it comes. */
import { Panel } from "../core/panel.js";
import { missingKernels } from "../core/missing-kernels.js";
import { notHeld } from "../core/recorded.js";
import { GuestFields } from "./guest-fields.js";
import { fill, h, setText, svg } from "../ui/dom.js";
import { count, grouped, grouping } from "../ui/format.js";

/** @import { Answer } from "../core/analyses.js" */
/** @import { Bars, RealAttached, RealBegun, RealDone, RealLine, RealMap, RealOutput, RealPacket } from "../types/messages.js" */
/** @typedef {RealBegun | RealPacket | RealAttached | RealOutput | RealMap | RealDone} RealMessage */

/** Lines and packets that are shown, and entries of a map. */
const LINES = 5000;
const PACKETS = 64;
const ENTRIES = 64;

export class RealPane extends Panel {
  /** @type {HTMLFormElement} */
  asking;
  /** @type {GuestFields} */
  fields;
  /** @type {HTMLButtonElement} */
  button;
  /** @type {HTMLButtonElement} */
  stop;
  /** @type {HTMLElement} */
  said;
  /** @type {HTMLElement} */
  attached;
  /** @type {HTMLElement} */
  packets;
  /** @type {HTMLOListElement} */
  lines;
  /** @type {HTMLElement} */
  maps;
  /** How many of the answer's parts are painted. */
  painted = 0;
  /** @type {RealMessage[] | undefined} the parts as they were painted last */
  parts;
  /** Lines that came. */
  came = 0;
  /** @type {Map<string, HTMLElement>} */
  sections = new Map();
  /** @type {Map<string, RealAttached>} */
  programs = new Map();
  /** @type {RealPacket[]} */
  received = [];

  build() {
    this.fields = new GuestFields(this.scope, "real");
    this.button = h("button", { type: "submit", class: "button primary" }, "Run for real");
    this.stop = h("button", { type: "button", class: "button", on: { click: () => this.halt() } }, "Stop");
    this.said = h("p", { class: "real-said", role: "status" });
    this.attached = h("div", { class: "real-attached" });
    this.packets = h("div", { class: "real-packets" });
    this.lines = h("ol", { class: "events real-lines", "aria-label": "Output of the programs" });
    this.maps = h("div", { class: "real-maps" });
    this.asking = h(
      "form",
      { class: "real-form", on: { submit: (event) => this.ask(event) } },
      this.fields.elements,
      h("p", { class: "fix-actions" }, this.button, this.stop),
      this.fields.setup.element,
    );
    this.append(
      this.asking,
      this.said,
      this.attached,
      this.packets,
      h("div", { class: "real-both" }, this.lines, this.maps),
    );
    this.store.on(["analyses", "ran", "stages", "edited", "kernel"], () => this.paint());
  }

  /** @param {SubmitEvent} event */
  ask(event) {
    event.preventDefault();
    const asked = this.fields.asked();
    if (!asked) return;
    this.scope.analyses.again("real", { ...asked, take: "new" });
    this.paint();
    this.stop.focus();
  }

  halt() {
    this.scope.analyses.stop("real");
    this.button.focus();
  }

  paint() {
    const { analyses, state } = this.scope;
    const { ran, stages, edited } = state;
    const answer = /** @type {Answer<RealMessage> | undefined} */ (analyses.answer("real"));
    this.asking.hidden = this.missing(answer) !== "";
    if (!this.asking.hidden) this.fields.setup.paint();
    const running = answer?.status === "asked";
    const loaded = stages.load?.status === "done";
    this.button.disabled = running || !loaded || !analyses.offers("real");
    this.stop.hidden = !running;
    if (answer?.parts[0] !== this.parts?.[0] || (answer?.parts.length ?? 0) < this.painted) this.empty();
    this.parts = answer?.parts;
    for (const part of answer?.parts.slice(this.painted) ?? []) this.take(part);
    this.painted = answer?.parts.length ?? 0;
    setText(this.said, answer ? this.sentence(answer) : this.hint(loaded, Boolean(ran) && ran?.edited !== edited));
    this.said.classList.toggle("bad", answer?.status === "failed");
  }

  /** What keeps programs from being run here, "" if nothing does. @param {Answer<RealMessage>} [answer] */
  missing(answer) {
    return missingKernels(this.scope, begunOf(answer));
  }

  /** @param {boolean} loaded @param {boolean} stale */
  hint(loaded, stale) {
    const missing = this.missing();
    if (missing) return missing;
    if (!this.scope.analyses.offers("real")) return this.scope.analyses.file ? notHeld("real") : "This needs a server with real kernels.";
    if (!loaded) return "The programs can be run on a real kernel once they are loaded.";
    return `All programs of the object are attached in a virtual machine of their own while a workload runs.${stale ? " The source was edited after its run: run it again first." : ""}`;
  }

  empty() {
    this.painted = 0;
    this.came = 0;
    this.sections.clear();
    this.programs.clear();
    this.received = [];
    for (const each of [this.attached, this.packets, this.lines, this.maps]) fill(each);
  }

  /** @param {Answer<RealMessage>} answer */
  sentence(answer) {
    const { status, parts, message } = answer;
    const begun = begunOf(answer);
    if (!begun) return status === "failed" ? message : "Waiting for a worker…";
    if (begun.missing) return missingKernels(this.scope, begun);
    const last = parts[parts.length - 1];
    const all = [...this.programs.values()];
    const head = `Linux ${begun.release}: ${grouped(all.filter((each) => each.ok).length)} of ${grouping(all.length, "program")} attached, ${grouping(this.came, "line")} of output`;
    if (status === "failed") return `${head}. ${message}`;
    if (last.type !== "real_done") return `${head}…`;
    const [records, bytes] = last.left_out;
    return [
      `${head}, ${(last.ms / 1000).toFixed(1)} s.`,
      last.stopped ? last.stopped : last.status === null ? (all.some((each) => each.ok) ? "The workload was stopped at its limit." : "") : last.status ? `The workload ended with status ${last.status}.` : "",
      last.lost ? `The kernel lost ${grouping(last.lost, "record")}.` : "",
      records ? `${grouping(records, "record")} too many to be told.` : "",
      bytes ? `${grouping(bytes, "byte")} of printed text too many to be told.` : "",
    ]
      .filter(Boolean)
      .join(" ");
  }

  /** @param {RealMessage} part */
  take(part) {
    if (part.type === "real") this.kernels(part);
    else if (part.type === "real_attached") {
      this.programs.set(part.program, part);
      fill(this.attached, h("ul", { class: "real-programs", "aria-label": "Programs" }, [...this.programs.values()].map(attachedRow)));
    } else if (part.type === "real_packet") {
      this.received.push(part);
      if (this.received.length <= PACKETS) fill(this.packets, packetTable(this.received));
    } else if (part.type === "real_output") {
      for (const line of part.lines) if (++this.came <= LINES) this.lines.append(outputRow(line, part.ms));
      if (this.came > LINES && !this.lines.dataset.cut) {
        this.lines.dataset.cut = "yes";
        this.lines.append(h("li", { class: "hint" }, "More lines are not shown."));
      }
    } else if (part.type === "real_map") {
      const made = mapSection(part);
      const before = this.sections.get(part.map);
      if (before) before.replaceWith(made);
      else this.maps.append(made);
      this.sections.set(part.map, made);
    }
  }

  /** @param {RealBegun} begun */
  kernels(begun) {
    delete this.lines.dataset.cut;
    this.fields.offer(begun.kernels.map(({ name, release }) => ({ name, release: `Linux ${release}` })), begun.kernel);
  }
}

/** What an answer began with. @param {Answer<RealMessage>} [answer] @returns {RealBegun | undefined} */
const begunOf = (answer) => (answer?.parts[0]?.type === "real" ? answer.parts[0] : undefined);

/** @param {RealAttached} part */
const attachedRow = ({ program, ok, why, device }) =>
  h("li", { data: { ok: ok ? "yes" : "no" } }, h("span", { class: ok ? "good" : "bad", "aria-hidden": "true" }, ok ? "✔ " : "✖ "), h("code", null, program), h("span", { class: "hint" }, ok ? ` attached${device ? ` to ${device}` : ""}` : ` not attached: ${why}`));

/** @param {RealLine} line @param {number} ms */
const outputRow = (line, ms) =>
  h("li", null, h("span", { class: "real-ms" }, `${(ms / 1000).toFixed(2)} s`), h("span", { class: "event-kind" }, line.kind === "record" ? line.source : line.kind === "shell" ? "workload" : line.kind), h("code", null, line.text.trimStart() || line.bytes));

/** @param {RealPacket[]} received */
const packetTable = (received) =>
  h(
    "table",
    { class: "map-table" },
    h("caption", null, "Single packets (BPF_PROG_TEST_RUN)"),
    h("thead", null, h("tr", null, ["Packet", "The kernel returned", "The emulated machine", ""].map((text) => h("th", { scope: "col" }, text)))),
    h(
      "tbody",
      null,
      received.map(({ number, errno, retval, size, ours }) =>
        h(
          "tr",
          null,
          h("td", null, String(number + 1)),
          h("td", null, errno ? `not run: error ${errno}` : `${retval}, ${count(size, "byte")}`),
          h("td", null, ours ? ours.fault || String(ours.retval) : "did not run it"),
          h("td", { class: ours ? (ours.same ? "good" : "bad") : "" }, ours ? (ours.same ? "the same value and packet" : "differs") : ""),
        ),
      ),
    ),
  );

/** @param {RealMap} part */
function mapSection({ map, entries, whole, bars }) {
  const some = entries.filter(({ value }) => !/^0*$/.test(value));
  const shown = (some.length ? some : entries.slice(0, 4)).slice(0, ENTRIES);
  return h(
    "section",
    { class: "map", "aria-label": `Map ${map}` },
    h("h3", null, h("span", { class: "kind-map map-name" }, map), h("span", { class: "hint" }, ` ${count(entries.length, "entry", "entries")}${whole ? "" : " and more"}`)),
    bars.map(drawn),
    shown.length
      ? h(
          "details",
          { open: !bars.length },
          h("summary", null, "Entries"),
          h(
            "table",
            { class: "map-table" },
            h("thead", null, h("tr", null, h("th", { scope: "col" }, "Key"), h("th", { scope: "col" }, "Value"))),
            h("tbody", null, shown.map((each) => h("tr", null, h("td", null, each.key_text || each.key), h("td", null, each.value_text || each.value)))),
          ),
          some.length > ENTRIES ? h("p", { class: "hint" }, "More entries are not shown.") : null,
          some.length && some.length < entries.length ? h("p", { class: "hint" }, `${count(entries.length - some.length, "entry is", "entries are")} zero.`) : null,
        )
      : h("p", { class: "hint" }, "Empty."),
  );
}

/** Counts as bars. @param {Bars} group */
function drawn({ title, bars }) {
  const most = Math.max(1, ...bars.map((bar) => bar.count));
  return h(
    "table",
    { class: "real-bars" },
    h("caption", null, title || "Counts by key"),
    h(
      "tbody",
      null,
      bars.map(({ label, count: n }) =>
        h(
          "tr",
          null,
          h("th", { scope: "row" }, label),
          h("td", null, grouped(n)),
          h("td", { "aria-hidden": "true" }, svg("svg", { class: "real-bar", viewBox: "0 0 100 10", preserveAspectRatio: "none" }, svg("rect", { width: String((100 * n) / most), height: "10" }))),
        ),
      ),
    ),
  );
}
