/** A packet as a form: its layers and their fields. The server builds the bytes (vm/runner/packets.py). */
import { fill, h, setAttr, fieldValue } from "../ui/dom.js";

/** @import { Layers } from "../core/frames.js" */

/** @typedef {[string, string, number, string | number]} Spec a field: name, label, width, default */

/** Layers of the form. Numbers are sent as numbers. @type {Record<string, {label: string, fields: Spec[]}>} */
export const LAYERS = {
  eth: { label: "Ethernet", fields: [["src", "source", 17, "02:00:00:00:00:01"], ["dst", "destination", 17, "02:00:00:00:00:02"]] },
  vlan: { label: "VLAN", fields: [["id", "VLAN id", 4, 1], ["prio", "priority", 1, 0]] },
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
/** Fields that are shown only where a packet has them: [label, width]. @type {Record<string, [string, number]>} */
const MORE = {
  type: ["EtherType", 6], proto: ["protocol", 3], nh: ["next header", 3], id: ["id", 5], ack: ["acknowledgement", 10],
  window: ["window", 5], seq: ["sequence", 10],
};
const GROUPS = { "VLAN tag": ["vlan"], "network layer": ["ip", "ipv6"], transport: ["tcp", "udp", "icmp"] };
const ORDER = ["eth", ...Object.values(GROUPS).flat(), "payload"];

/** @param {string} layer */
const defaults = (layer) => Object.fromEntries(LAYERS[layer].fields.map(([name, , , value]) => [name, value]));
/** @type {Layers} */
export const FIRST = { eth: defaults("eth"), ip: defaults("ip"), udp: defaults("udp"), payload: { text: "hello" } };

/** Layers in the order they stand in the packet. @param {Layers} layers @returns {Layers} */
const ordered = (layers) => Object.fromEntries(ORDER.filter((name) => layers[name]).map((name) => [name, layers[name]]));

/**
 * Draw a form into `host`. `put(layers)` is told of each change.
 * @param {HTMLElement} host
 * @param {Layers} given
 * @param {(layers: Layers) => void} put
 */
export function drawForm(host, given, put) {
  const layers = structuredClone(given);
  const changed = () => put(ordered(layers));
  /** @param {string[]} group @param {string} next */
  const swap = (group, next) => {
    for (const name of group) delete layers[name];
    // With another layer inside, the type that named the old one is filled in again.
    if (layers.eth) delete layers.eth.type;
    for (const net of GROUPS["network layer"]) for (const name of ["proto", "nh"]) if (layers[net]) delete layers[net][name];
    if (next) layers[next] = defaults(next);
    changed();
    drawForm(host, ordered(layers), put);
  };
  /** @param {import("../types/page.js").Child} title @param {string} name */
  const row = (title, name) => {
    const known = name ? LAYERS[name].fields : [];
    const more = name ? Object.keys(layers[name]).filter((key) => key in MORE && !known.some(([each]) => each === key)) : [];
    /** @type {Spec[]} */
    const specs = [...known, ...more.map((key) => /** @type {Spec} */ ([key, ...MORE[key], 0]))];
    return h(
      "div",
      { class: "layer", role: "group", "aria-label": name ? LAYERS[name].label : null },
      h("div", { class: "layer-name" }, title),
      h("div", { class: "fields" }, specs.map((spec) => field(layers, name, spec, changed))),
    );
  };
  const rows = [row("Ethernet", "eth")];
  for (const [label, group] of Object.entries(GROUPS)) {
    const chosen = group.find((name) => name in layers) ?? "";
    const picker = h(
      "select",
      { "aria-label": label, on: { change: (event) => swap(group, fieldValue(event)) } },
      h("option", { value: "" }, `no ${label}`),
      group.map((name) => h("option", { value: name, selected: name === chosen }, LAYERS[name].label)),
    );
    rows.push(row(picker, chosen));
  }
  const inHex = layers.payload?.hex !== undefined;
  const payload = h("input", {
    type: "text",
    size: 24,
    value: layers.payload?.hex ?? layers.payload?.text ?? "",
    spellcheck: "false",
    on: {
      input: () => {
        const good = !inHex || /^([0-9a-f]{2}|\s)*$/i.test(payload.value);
        setAttr(payload, "aria-invalid", !good);
        if (!good) return;
        layers.payload = inHex ? { hex: payload.value.replace(/\s/g, "") } : { text: payload.value };
        changed();
      },
    },
  });
  rows.push(
    h(
      "div",
      { class: "layer", role: "group", "aria-label": "Payload" },
      h("div", { class: "layer-name" }, "Payload"),
      h("div", { class: "fields" }, h("label", { class: "field" }, h("span", null, inHex ? "hex" : "text"), payload)),
    ),
  );
  fill(host, rows);
}

/** @param {Layers} layers @param {string} layer @param {Spec} spec @param {() => void} put */
function field(layers, layer, [name, label, width, fallback], put) {
  const value = layers[layer]?.[name] ?? fallback;
  const numeric = typeof fallback === "number";
  const input = h("input", {
    type: "text",
    inputmode: numeric ? "numeric" : "text",
    size: width,
    value: name === "type" && layer === "eth" ? `0x${Number(value).toString(16).padStart(4, "0")}` : String(value),
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
