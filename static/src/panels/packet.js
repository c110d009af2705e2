/** The packet (or other input) the program runs on, and what it made of it. */
import { Panel } from "../core/panel.js";
import { fromFile } from "../core/detect.js";
import { saveDraft } from "../core/draft.js";
import { decode, encode } from "../core/frames.js";
import { fill, h, setAttr, setText, fieldValue } from "../ui/dom.js";
import { bytes, count, grouped } from "../ui/format.js";
import { drawEvent } from "./event-form.js";
import { givenParts } from "./given.js";
import { RecordForm } from "./record-form.js";
import { recordingParts } from "./recorded-facts.js";
import { FIRST, drawForm } from "./packet-form.js";

/** @import { Input } from "../core/store.js" */
/** @import { DefaultInput, EventField } from "../types/messages.js" */

/** @type {[Input["kind"], string][]} */
const KINDS = [["auto", "Automatic"], ["form", "Form"], ["packet", "Hex"], ["pcap", "Capture"], ["event", "Event"], ["recording", "Recording"], ["none", "None"]];
const FILES = ["pcap", "recording"];
const PACKETS = ["form", "packet", "pcap"];
const SHORTEST = 14;

export class PacketPane extends Panel {
  /** @type {HTMLDivElement} */
  kinds;
  /** @type {HTMLParagraphElement} */
  advice;
  /** @type {HTMLDivElement} */
  input;
  /** @type {HTMLParagraphElement} */
  note;
  /** @type {HTMLDivElement} */
  result;
  /** @type {HTMLInputElement} */
  file;
  /** @type {RecordForm} */
  record;
  /** @type {Input | null} the input whose fields are drawn */
  own = null;
  /** @type {string | undefined} */
  kindShown;
  /** @type {unknown} what the fields were drawn for beside the input: the program's own input, what a recording told */
  given;

  build() {
    const { store } = this;
    this.kinds = h("div", { class: "segments", role: "radiogroup", "aria-label": "Input" });
    this.advice = h("p", { class: "hint", hidden: true });
    this.input = h("div", { class: "packet-in" });
    this.note = h("p", { class: "hint", role: "status" });
    this.result = h("div", { class: "packet-out", role: "region", "aria-label": "Packet before and after the run", tabindex: "0" });
    this.file = h("input", { type: "file", hidden: true, "aria-label": "Open a capture or a recording", on: { change: () => this.open() } });
    this.record = new RecordForm(this.scope, (input) => this.stepRecording(input));
    this.append(h("div", { class: "packet-left" }, this.kinds, this.advice, this.input, this.note, this.record.element, this.file), this.result);
    store.on(["input", "stages", "rest"], () => this.draw());
    store.on(["stages", "packetRun"], () => this.after());
  }

  /** Take a new input; `redraw` when it did not come from the fields themselves. @param {Input} input */
  change(input, redraw = false) {
    this.own = redraw ? null : input;
    const { store } = this;
    store.set({ input, ownInput: input.kind !== "auto", edited: store.state.edited + 1 });
    saveDraft(store.state);
  }

  /** What the loader chose for the program, or null. */
  chosen() {
    return this.store.state.stages.load?.input ?? null;
  }

  /** The input as a packet's bytes, or null where it is none. */
  bytes() {
    const { input } = this.store.state;
    if (input.kind === "packet") return bytes(input.hex);
    if (input.kind === "form") return encode(input.layers ?? FIRST);
    const given = this.chosen();
    const hex = input.kind === "auto" && given?.kind === "packet" ? given.hex : this.sent();
    return hex === undefined || hex === null ? null : bytes(hex);
  }

  /** @param {Input["kind"]} kind */
  choose(kind) {
    const { input } = this.store.state;
    if (input.kind === kind) return;
    if (FILES.includes(kind)) this.file.click();
    else if (kind === "form") this.toForm();
    else if (kind === "packet") this.change({ kind, hex: (this.bytes() ?? []).map((b) => b.toString(16).padStart(2, "0")).join("") }, true);
    else if (kind === "event") {
      const given = this.chosen();
      const own = given?.kind === "event" ? given : null;
      this.change({ kind, name: own?.name ?? "", values: { ...(own?.values ?? {}) } }, true);
    } else if (kind === "auto" || kind === "none") this.change({ kind }, true);
    if (!FILES.includes(kind)) /** @type {HTMLElement | null} */ (this.kinds.querySelector('[aria-checked="true"]'))?.focus();
  }

  /** The bytes as fields: what has no fields stays bytes, and that is said. */
  toForm() {
    const data = this.bytes();
    if (!data?.length) {
      this.change({ kind: "form", layers: structuredClone(FIRST) }, true);
      return;
    }
    const found = decode(data);
    if (!found) {
      this.say(`This packet has ${data.length} bytes, and an Ethernet frame has at least ${SHORTEST}. It stays in hex: add bytes to edit it as a form.`, "bad");
      return;
    }
    this.change({ kind: "form", layers: found.layers }, true);
    this.store.flush();
    const sums = found.sums.length ? `The form computes checksums, which changes: ${found.sums.join(", ")}. ` : "";
    this.say(sums + found.note);
  }

  /** Run the program on what was recorded of it, and step the first event. @param {import("../types/messages.js").RecordedInput} input */
  stepRecording(input) {
    this.change(input, true);
    this.scope.stepRecording();
  }

  /** @param {string} text */
  say(text, tone = "") {
    setText(this.note, text);
    setAttr(this.note, "data-tone", tone);
  }

  async open() {
    const file = this.file.files?.[0];
    this.file.value = "";
    if (!file) return;
    const found = await fromFile(file, this.scope.config.limits ?? {});
    const input = found.input ?? (found.error === undefined ? found.recording?.input : undefined);
    if (input) this.change(input, true);
    else this.say(found.error ?? `${file.name} is neither a packet capture (pcap, pcapng) nor a recording.`, "bad");
  }

  /** A packet for a program that takes an event, or the other way round: said, with the way back. */
  advise() {
    const given = this.chosen();
    const { kind } = this.store.state.input;
    const wrong = given && ((given.kind === "event" && PACKETS.includes(kind)) || (given.kind === "packet" && kind === "event"));
    this.advice.hidden = !wrong;
    fill(this.advice);
    if (!wrong) return;
    fill(
      this.advice,
      `This program takes ${given.kind === "event" ? "an event" : "a packet"}. `,
      h("button", { type: "button", class: "chip", on: { click: () => this.choose("auto") } }, "Use the program's own input"),
    );
  }

  draw() {
    const { input } = this.store.state;
    const given = this.chosen();
    const { kind } = input;
    this.advise();
    if (this.kindShown !== kind) {
      this.kindShown = kind;
      fill(
        this.kinds,
        KINDS.map(([each, text]) =>
          h(
            "button",
            { type: "button", role: "radio", "aria-checked": each === kind ? "true" : "false", on: { click: () => this.choose(each) } },
            text,
          ),
        ),
      );
    }
    const fields = given?.kind === "event" ? (given.fields ?? []) : [];
    // Drawn again when the program's own input became known, but never under the hands of who is typing.
    const { rest, stages } = this.store.state;
    const stamp = kind === "auto" || kind === "event" ? given : kind === "recording" ? rest || (stages.run?.recorded ?? null) : null;
    const typing = kind !== "recording" && this.input.contains(document.activeElement);
    // What the run before told of the same recording stays until this one ends.
    const waiting = kind === "recording" && !stamp && stages.run?.status !== "failed";
    if (this.own === input && (this.given === stamp || typing || waiting)) return;
    this.own = input;
    this.given = stamp;
    this.say("");
    if (kind === "auto") this.drawOwn(given, fields);
    else if (kind === "form") drawForm(this.input, input.layers ?? FIRST, (layers) => this.change({ kind: "form", layers }));
    else if (kind === "packet") this.drawHex(input.hex);
    else if (kind === "pcap")
      fill(this.input, h("p", { class: "hint" }, `A capture of ${Math.floor((input.base64.length * 3) / 4)} bytes; each packet is a run.`));
    else if (kind === "recording") this.drawRecording(input.base64);
    else if (kind === "given") this.drawGiven(input.json);
    else if (kind === "event") drawEvent(this.input, input, fields, (event) => this.change({ kind: "event", ...event }), given?.hook);
    else fill(this.input, h("p", { class: "hint" }, "The program runs without a packet or an event."));
  }

  /** The input the program gets by itself. Changing it makes it the user's own. @param {DefaultInput | null} given @param {EventField[]} fields */
  drawOwn(given, fields) {
    if (!given) {
      fill(this.input, h("p", { class: "hint" }, "The input depends on the program: a packet for networking programs, an event for tracing programs. After a run it is shown here and can be changed."));
    } else if (given.kind === "packet") {
      this.drawHex(given.hex ?? "");
      this.input.prepend(h("p", { class: "hint" }, "A packet for ", h("code", null, given.hook), ". If you change it, your version is used from then on."));
    } else if (given.kind === "event") {
      drawEvent(this.input, given, fields, (event) => this.change({ kind: "event", ...event }), given.hook);
      this.input.prepend(h("p", { class: "hint" }, "An event for ", h("code", null, given.hook), ". If you change it, your version is used from then on."));
    } else fill(this.input, h("p", { class: "hint" }, h("code", null, given.hook), " takes neither a packet nor an event."));
  }

  /** The input of a counterexample, with the way back to another one. @param {string} json */
  drawGiven(json) {
    const back = h("button", { type: "button", class: "chip", on: { click: () => this.choose("auto") } }, "Use the program's own input");
    fill(
      this.input,
      h("p", { class: "hint" }, "The input of a counterexample. The program runs in the interpreter as it was loaded, also if the verifier rejects it. ", back),
      h("dl", { class: "given" }, givenParts(json).map(([name, value]) => h("div", null, h("dt", null, name), h("dd", null, h("code", null, value))))),
    );
  }

  /** A recording: where and how it was made, as the run told. @param {string} data */
  drawRecording(data) {
    const { rest, stages } = this.store.state;
    const focused = this.input.contains(document.activeElement);
    const back = h("button", { type: "button", class: "chip", on: { click: () => this.choose("auto") } }, "Use the program's own input");
    fill(
      this.input,
      h("p", { class: "hint" }, `A recording of ${grouped(Math.floor((data.length * 3) / 4))} bytes: each event of the program is a run, instruction by instruction, as a real kernel executed it. `, back),
      recordingParts(stages.run, rest, stages.load?.program ?? "", (program) => this.stepProgram(program)),
    );
    if (focused) /** @type {HTMLElement | null} */ (this.input.querySelector('[aria-pressed="true"]'))?.focus();
  }

  /** Step the events of another program of the object. @param {string} program */
  stepProgram(program) {
    this.store.set({ options: { ...this.store.state.options, program } });
    saveDraft(this.store.state);
    this.scope.run();
  }

  /** @param {string} hex */
  drawHex(hex) {
    const size = h("p", { class: "hint" }, count(bytes(hex).length, "byte"));
    const text = h("textarea", {
      class: "hex-input",
      "aria-label": "Packet bytes in hex",
      spellcheck: "false",
      value: hex.replace(/(.{2})(?=.)/g, "$1 "),
      on: {
        input: () => {
          const clean = text.value.replace(/0x|[\s,:]/gi, "");
          const bad = /[^0-9a-f]/i.exec(clean);
          setText(size, bad ? `“${bad[0]}” is not a hex digit.` : clean.length % 2 ? "A hex digit is missing at the end." : count(clean.length / 2, "byte"));
          setAttr(size, "data-tone", bad || clean.length % 2 ? "bad" : "");
          this.change({ kind: "packet", hex: clean });
        },
      },
    });
    fill(this.input, text, size);
  }

  /** The bytes that were sent in the run in view, or undefined. */
  sent() {
    return this.store.state.stages.run?.packet_in?.[this.store.state.packetRun];
  }

  /** The bytes that went in, and those that came out with what changed marked. */
  after() {
    const { stages, packetRun } = this.store.state;
    const runs = stages.run?.runs ?? [];
    const run = runs[packetRun];
    if (!run) {
      fill(this.result, h("p", { class: "empty" }, "The packet's bytes before and after the run appear here."));
      return;
    }
    const parts = [];
    if (runs.length > 1)
      parts.push(
        h(
          "label",
          { class: "field" },
          h("span", null, stages.run?.recorded ? "event" : "packet"),
          h(
            "select",
            { on: { change: (event) => this.scope.cursor.packet(Number(fieldValue(event))) } },
            runs.map((r, i) => h("option", { value: String(i), selected: i === packetRun }, `${i + 1}: ${r.result ?? r.r0}`)),
          ),
        ),
      );
    const sent = this.sent();
    const before = sent === undefined || sent === null ? null : bytes(sent);
    const after = run.packet_out === undefined || run.packet_out === null ? null : bytes(run.packet_out);
    if (before) parts.push(dump("Before", before, null));
    if (after) {
      const same = before && before.length === after.length && before.every((b, i) => b === after[i]);
      if (same) parts.push(h("p", { class: "hint" }, `After the run: the same ${count(after.length, "byte")}.`));
      else parts.push(dump("After", after, before));
    }
    if (!before && !after) parts.push(h("p", { class: "empty" }, "This run had no packet."));
    fill(this.result, parts);
  }
}

/** A hex dump; bytes that differ from `old` are marked. @param {string} title @param {number[]} data @param {number[] | null} old */
function dump(title, data, old) {
  const shift = old ? alignment(old, data) : 0;
  const rows = [];
  let changed = 0;
  for (let at = 0; at < data.length && at < 4096; at += 16) {
    const cells = [];
    for (let i = at; i < Math.min(at + 16, data.length); i++) {
      const differs = old !== null && old[i + shift] !== data[i];
      if (differs) changed++;
      const text = data[i].toString(16).padStart(2, "0");
      cells.push(differs ? h("mark", null, text) : text, i % 8 === 7 ? "  " : " ");
    }
    const ascii = data.slice(at, at + 16).map((b) => (b >= 32 && b < 127 ? String.fromCharCode(b) : "·")).join("");
    rows.push(h("div", { class: "dump-row" }, h("span", { class: "dump-at" }, at.toString(16).padStart(4, "0")), h("span", { class: "dump-hex" }, cells), h("span", { class: "dump-ascii" }, ascii)));
  }
  return h(
    "section",
    { class: "dump" },
    h("h3", null, `${title} · ${count(data.length, "byte")}${changed ? ` · ${changed} changed` : ""}`),
    rows.length ? rows : h("p", { class: "hint" }, "empty"),
  );
}

/** How far the packet's start moved, when its head was grown or cut. @param {number[]} old @param {number[]} data */
function alignment(old, data) {
  const shift = old.length - data.length;
  if (!shift) return 0;
  const tail = Math.min(8, old.length, data.length);
  const same = Array.from({ length: tail }, (_, i) => old[old.length - 1 - i] === data[data.length - 1 - i]).every(Boolean);
  return same ? shift : 0;
}
