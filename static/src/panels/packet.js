/** The packet (or other input) the program runs on, and what it made of it. */
import { Panel } from "../core/panel.js";
import { fromFile } from "../core/detect.js";
import { saveDraft } from "../core/draft.js";
import { fill, h, setAttr, setText } from "../ui/dom.js";
import { bytes, count } from "../ui/format.js";

/** Layers of the form: fields as [name, label, width, default]. Numbers are sent as numbers. */
const LAYERS = {
  eth: { label: "Ethernet", fields: [["src", "source", 17, "02:00:00:00:00:01"], ["dst", "destination", 17, "02:00:00:00:00:02"]] },
  ip: {
    label: "IPv4",
    fields: [["src", "source", 15, "192.0.2.1"], ["dst", "destination", 15, "192.0.2.2"], ["ttl", "TTL", 3, 64], ["tos", "TOS", 3, 0]],
  },
  ipv6: {
    label: "IPv6",
    fields: [["src", "source", 20, "2001:db8::1"], ["dst", "destination", 20, "2001:db8::2"], ["hlim", "hop limit", 3, 64]],
  },
  tcp: {
    label: "TCP",
    fields: [["sport", "source port", 5, 40000], ["dport", "destination port", 5, 80], ["flags", "flags", 5, "S"], ["seq", "sequence", 10, 0]],
  },
  udp: { label: "UDP", fields: [["sport", "source port", 5, 40000], ["dport", "destination port", 5, 53]] },
  icmp: { label: "ICMP", fields: [["type", "type", 3, 8], ["code", "code", 3, 0]] },
};
const NETWORK = ["ip", "ipv6"];
const TRANSPORT = ["tcp", "udp", "icmp"];
const KINDS = [["form", "Form"], ["packet", "Hex"], ["pcap", "Capture"], ["event", "Event"], ["none", "None"]];

const defaults = (layer) => Object.fromEntries(LAYERS[layer].fields.map(([name, , , value]) => [name, value]));
const FIRST = { eth: defaults("eth"), ip: defaults("ip"), udp: defaults("udp"), payload: { text: "hello" } };

export class PacketPane extends Panel {
  build() {
    const { store } = this;
    this.kinds = h("div", { class: "segments", role: "radiogroup", "aria-label": "Input" });
    this.form = h("div", { class: "packet-form" });
    this.input = h("div", { class: "packet-in" });
    this.result = h("div", { class: "packet-out", role: "region", "aria-label": "Packet before and after the run", tabindex: "0" });
    this.file = h("input", { type: "file", hidden: true, "aria-label": "Open a capture", on: { change: () => this.open() } });
    this.append(h("div", { class: "packet-left" }, this.kinds, this.form, this.input, this.file), this.result);
    this.own = null;
    store.on(["input"], () => this.draw());
    store.on(["stages", "packetRun"], () => this.after());
  }

  /** Take a new input; `redraw` when it did not come from the fields themselves. */
  change(input, redraw = false) {
    this.own = redraw ? null : input;
    const { store } = this;
    store.set({ input, edited: store.state.edited + 1 });
    saveDraft(store.state);
  }

  choose(kind) {
    const { input } = this.store.state;
    if (input.kind === kind) return;
    if (kind === "pcap") this.file.click();
    else if (kind === "form") this.change({ kind, layers: structuredClone(FIRST) }, true);
    else if (kind === "packet") this.change({ kind, hex: this.sent() ?? input.hex ?? "" }, true);
    else if (kind === "event") this.change({ kind, name: "", values: {} }, true);
    else this.change({ kind: "none" }, true);
  }

  async open() {
    const file = this.file.files?.[0];
    this.file.value = "";
    if (!file) return;
    const found = await fromFile(file, this.scope.config.limits ?? {});
    if (found.input) this.change(found.input, true);
    else setText(this.note, found.error ?? `${file.name} is not a capture.`);
  }

  draw() {
    const { input } = this.store.state;
    const chosen = input.kind;
    fill(
      this.kinds,
      KINDS.map(([kind, text]) =>
        h(
          "button",
          { type: "button", role: "radio", "aria-checked": kind === chosen ? "true" : "false", on: { click: () => this.choose(kind) } },
          text,
        ),
      ),
    );
    if (this.own === input) return;
    this.own = input;
    this.note = h("p", { class: "hint" });
    this.form.hidden = chosen !== "form";
    this.input.hidden = chosen === "form";
    if (chosen === "form") this.drawForm(input);
    else if (chosen === "packet") this.drawHex(input);
    else if (chosen === "pcap")
      fill(this.input, h("p", { class: "hint" }, `A capture of ${Math.floor((input.base64.length * 3) / 4)} bytes; each packet is a run.`), this.note);
    else if (chosen === "event") this.drawEvent(input);
    else fill(this.input, h("p", { class: "hint" }, "The program runs without a packet."), this.note);
  }

  drawHex(input) {
    const size = h("p", { class: "hint" }, count(bytes(input.hex).length, "byte"));
    const text = h("textarea", {
      class: "hex-input",
      "aria-label": "Packet bytes in hex",
      spellcheck: "false",
      value: input.hex.replace(/(.{2})(?=.)/g, "$1 "),
      on: {
        input: () => {
          const clean = text.value.replace(/0x|[\s,:]/gi, "");
          const bad = /[^0-9a-f]/i.exec(clean);
          setText(size, bad ? `“${bad[0]}” is not a hex digit.` : clean.length % 2 ? "An odd digit is left over." : count(clean.length / 2, "byte"));
          setAttr(size, "data-tone", bad || clean.length % 2 ? "bad" : "");
          this.change({ kind: "packet", hex: clean });
        },
      },
    });
    fill(this.input, text, size);
  }

  drawEvent(input) {
    const area = h("textarea", {
      class: "hex-input",
      "aria-label": "Values of the event as JSON",
      spellcheck: "false",
      value: JSON.stringify(input.values ?? {}, null, 1),
      on: {
        input: () => {
          try {
            this.change({ ...this.store.state.input, values: JSON.parse(area.value) });
            setText(this.note, "");
          } catch {
            setText(this.note, "This is not JSON yet.");
          }
        },
      },
    });
    const name = h("input", {
      type: "text",
      size: 32,
      value: input.name ?? "",
      placeholder: "sched/sched_process_exec",
      spellcheck: "false",
      on: { input: () => this.change({ ...this.store.state.input, name: name.value.trim() }) },
    });
    fill(this.input, h("label", { class: "field" }, h("span", null, "event (empty: the program's own)"), name), area, this.note);
  }

  drawForm(input) {
    const layers = structuredClone(input.layers ?? FIRST);
    const network = NETWORK.find((l) => l in layers) ?? "";
    const transport = TRANSPORT.find((l) => l in layers) ?? "";
    const put = () => this.change({ kind: "form", layers: ordered(layers) });
    const swap = (group, next) => {
      for (const l of group) delete layers[l];
      if (next) layers[next] = defaults(next);
      put();
      this.own = null;
      this.draw();
    };
    const picker = (label, group, chosen) =>
      h(
        "select",
        { "aria-label": label, on: { change: (event) => swap(group, event.target.value) } },
        h("option", { value: "" }, `no ${label}`),
        group.map((l) => h("option", { value: l, selected: l === chosen }, LAYERS[l].label)),
      );
    const rows = [];
    for (const [name, title] of [["eth", "Ethernet"], [network, picker("network layer", NETWORK, network)], [transport, picker("transport", TRANSPORT, transport)]])
      rows.push(
        h(
          "div",
          { class: "layer", role: "group" },
          h("div", { class: "layer-name" }, title),
          h("div", { class: "fields" }, name ? LAYERS[name].fields.map((spec) => this.field(layers, name, spec, put)) : null),
        ),
      );
    const payload = h("input", {
      type: "text",
      size: 24,
      value: layers.payload?.hex ?? layers.payload?.text ?? "",
      spellcheck: "false",
      on: {
        input: () => {
          layers.payload = layers.payload?.hex === undefined ? { text: payload.value } : { hex: payload.value };
          put();
        },
      },
    });
    rows.push(
      h(
        "div",
        { class: "layer", role: "group" },
        h("div", { class: "layer-name" }, "Payload"),
        h("div", { class: "fields" }, h("label", { class: "field" }, h("span", null, layers.payload?.hex === undefined ? "text" : "hex"), payload)),
      ),
    );
    fill(this.form, rows);
  }

  field(layers, layer, [name, label, width, fallback], put) {
    const value = layers[layer]?.[name] ?? fallback;
    const numeric = typeof fallback === "number";
    const input = h("input", {
      type: "text",
      inputmode: numeric ? "numeric" : "text",
      size: width,
      value: String(value),
      spellcheck: "false",
      on: {
        input: () => {
          const text = input.value.trim();
          const good = !numeric || /^(0x[0-9a-f]+|\d+)$/i.test(text);
          setAttr(input, "aria-invalid", !good);
          if (!good) return;
          layers[layer] = { ...layers[layer], [name]: numeric ? Number(text) : text };
          put();
        },
      },
    });
    return h("label", { class: "field" }, h("span", null, label), input);
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
      fill(this.result, h("p", { class: "empty" }, "The packet's bytes, before and after, appear here once the program ran."));
      return;
    }
    const parts = [];
    if (runs.length > 1)
      parts.push(
        h(
          "label",
          { class: "field" },
          h("span", null, "packet"),
          h(
            "select",
            { on: { change: (event) => this.scope.packet(Number(event.target.value)) } },
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

/** Layers in the order they stand in the packet. */
function ordered(layers) {
  const out = {};
  for (const name of ["eth", ...NETWORK, ...TRANSPORT, "payload"]) if (layers[name]) out[name] = layers[name];
  return out;
}

/** A hex dump; bytes that differ from `old` are marked. */
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

/** How far the packet's start moved, when its head was grown or cut. */
function alignment(old, data) {
  const shift = old.length - data.length;
  if (!shift) return 0;
  const tail = Math.min(8, old.length, data.length);
  const same = Array.from({ length: tail }, (_, i) => old[old.length - 1 - i] === data[data.length - 1 - i]).every(Boolean);
  return same ? shift : 0;
}
