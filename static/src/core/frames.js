/**
 * Packets as fields and as bytes: `decode` reads an Ethernet frame into the layers of the packet form, `encode` makes
 * the bytes again as the server does (docs/protocol.md, "Layers"). Field layouts: IEEE 802.3 and 802.1Q, RFC 791,
 * 8200, 9293, 768, 792, 4443.
 */

/** @typedef {number[]} Bytes */
/** @typedef {Record<string, any>} Fields of a layer: text and numbers, as the form takes them */
/** @typedef {Record<string, Fields>} Layers */
/** @typedef {"tcp" | "udp" | "icmp"} Transport */
/** @typedef {(length: number) => Bytes} Pseudo makes the IP pseudo-header for a length; [] without IP */

const IPV4 = 0x0800;
const IPV6 = 0x86dd;
const VLAN = 0x8100;
/** @type {Record<Transport, number>} */
const PROTO = { icmp: 1, tcp: 6, udp: 17 };
const ICMPV6 = 58;
const FLAGS = "FSRPAUECN";
const ETHERNET = { src: "02:00:00:00:00:01", dst: "02:00:00:00:00:02" };

/** @param {Bytes} data */
const hex = (data) => data.map((b) => b.toString(16).padStart(2, "0")).join("");
/** @param {unknown} text */
const unhex = (text) => (String(text).match(/[0-9a-f]{2}/gi) ?? []).map((pair) => Number.parseInt(pair, 16));
/** @param {number} value */
const be16 = (value) => [(value >> 8) & 255, value & 255];
/** @param {number} value */
const be32 = (value) => [(value >>> 24) & 255, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
/** @param {Bytes} data @param {number} at */
const u16 = (data, at) => (data[at] << 8) | data[at + 1];
/** @param {Bytes} data @param {number} at */
const u32 = (data, at) => data[at] * 2 ** 24 + ((data[at + 1] << 16) | (data[at + 2] << 8) | data[at + 3]);
/** @param {Bytes} a @param {Bytes} b */
const same = (a, b) => a.length === b.length && a.every((byte, i) => byte === b[i]);

/** @param {Bytes} data */
const mac = (data) => data.map((b) => b.toString(16).padStart(2, "0")).join(":");
/** @param {Bytes} data */
const ipv4 = (data) => data.join(".");

/** 16 bytes as RFC 5952 writes them: the longest run of zero groups is "::". @param {Bytes} data */
export function ipv6(data) {
  const groups = Array.from({ length: 8 }, (_, i) => u16(data, 2 * i).toString(16));
  let best = { at: -1, length: 1 };
  for (let i = 0; i < 8; i++) {
    let j = i;
    while (j < 8 && groups[j] === "0") j++;
    if (j - i > best.length) best = { at: i, length: j - i };
  }
  if (best.at < 0) return groups.join(":");
  return `${groups.slice(0, best.at).join(":")}::${groups.slice(best.at + best.length).join(":")}`;
}

/** Bytes of an address as text, or null when it is none. @param {unknown} text */
function address4(text) {
  const parts = String(text).split(".");
  return parts.length === 4 && parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) < 256) ? parts.map(Number) : null;
}

/** The same for IPv6. @param {unknown} text */
function address6(text) {
  const halves = String(text).split("::");
  /** @param {string} half */
  const groups = (half) => (half ? half.split(":") : []);
  const [head, tail] = [groups(halves[0]), groups(halves[1] ?? "")];
  const gap = 8 - head.length - tail.length;
  if (halves.length > 2 || (halves.length === 2 ? gap < 0 : gap !== 0)) return null;
  const all = [...head, ...Array(halves.length === 2 ? gap : 0).fill("0"), ...tail];
  return all.every((group) => /^[0-9a-f]{1,4}$/i.test(group)) ? all.flatMap((group) => be16(Number.parseInt(group, 16))) : null;
}

/** @type {Transport[]} */
const TRANSPORTS = ["tcp", "udp", "icmp"];

/** The Internet checksum (RFC 1071). @param {Bytes} data */
function checksum(data) {
  let sum = 0;
  for (let i = 0; i < data.length; i += 2) sum += (data[i] << 8) | (data[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** TCP flags as letters or as a number. @param {string | number | undefined} value */
function flagBits(value) {
  if (Number.isFinite(Number(value || NaN)) || value === 0) return Number(value) & 0x1ff;
  return [...String(value || "S").toUpperCase()].reduce((bits, letter) => bits | (FLAGS.includes(letter) ? 1 << FLAGS.indexOf(letter) : 0), 0);
}

/**
 * Bytes of a transport header and its payload, with the checksum.
 * @type {Record<Transport, (fields: Fields, payload: Bytes, pseudo: Pseudo, six: boolean) => Bytes>}
 */
const TRANSPORT = {
  tcp(fields, payload, pseudo) {
    const bits = flagBits(fields.flags);
    const head = [
      ...be16(fields.sport ?? 20), ...be16(fields.dport ?? 80), ...be32(fields.seq ?? 0), ...be32(fields.ack ?? 0),
      0x50 | (bits >> 8), bits & 255, ...be16(fields.window ?? 8192), 0, 0, 0, 0,
    ];
    const over = pseudo(20 + payload.length);
    if (over.length) head.splice(16, 2, ...be16(checksum([...over, ...head, ...payload])));
    return [...head, ...payload];
  },
  udp(fields, payload, pseudo) {
    const length = 8 + payload.length;
    const head = [...be16(fields.sport ?? 53), ...be16(fields.dport ?? 53), ...be16(length), 0, 0];
    const over = pseudo(length);
    // RFC 768: zero means that there is no checksum.
    if (over.length) head.splice(6, 2, ...be16(checksum([...over, ...head, ...payload]) || 0xffff));
    return [...head, ...payload];
  },
  icmp(fields, payload, pseudo, six) {
    const head = [fields.type ?? (six ? 128 : 8), fields.code ?? 0, 0, 0, ...be16(fields.id ?? 0), ...be16(fields.seq ?? 0)];
    head.splice(2, 2, ...be16(checksum([...(six ? pseudo(8 + payload.length) : []), ...head, ...payload])));
    return [...head, ...payload];
  },
};

/**
 * Bytes of an IPv4 packet, or null where an address is none. `number`: protocol of the transport; `upper` makes its bytes
 * with the pseudo-header of a length.
 * @param {Fields} fields
 * @param {number} number
 * @param {(pseudo: Pseudo) => Bytes} upper
 */
function packet4(fields, number, upper) {
  const [src, dst] = [address4(fields.src ?? "127.0.0.1"), address4(fields.dst ?? "127.0.0.1")];
  if (!src || !dst) return null;
  const body = upper((length) => [...src, ...dst, 0, number, ...be16(length)]);
  const head = [
    0x45, fields.tos ?? 0, ...be16(20 + body.length), ...be16(fields.id ?? 1), 0, 0, fields.ttl ?? 64, fields.proto ?? number, 0, 0,
    ...src, ...dst,
  ];
  head.splice(10, 2, ...be16(checksum(head)));
  return [...head, ...body];
}

/** The same for IPv6. Without a transport (`number` is 0) the next header is 59: there is none. @param {Fields} fields @param {number} number @param {(pseudo: Pseudo) => Bytes} upper */
function packet6(fields, number, upper) {
  const [src, dst] = [address6(fields.src ?? "::1"), address6(fields.dst ?? "::1")];
  if (!src || !dst) return null;
  const body = upper((length) => [...src, ...dst, ...be32(length), 0, 0, 0, number]);
  return [0x60, 0, 0, 0, ...be16(body.length), fields.nh ?? (number || 59), fields.hlim ?? 64, ...src, ...dst, ...body];
}

/**
 * Bytes of a packet form, or null where a field holds what is no address. Lengths, checksums and the types of the next
 * layer are filled in.
 * @param {Layers} layers
 */
export function encode(layers) {
  const { eth = {}, vlan, ip, ipv6: six, payload } = layers;
  const data = payload?.hex !== undefined ? unhex(payload.hex) : [...new TextEncoder().encode(payload?.text ?? "")];
  const name = TRANSPORTS.find((each) => layers[each]);
  const number = !name ? 0 : six && name === "icmp" ? ICMPV6 : PROTO[name];
  /** @param {Pseudo} pseudo */
  const upper = (pseudo) => (name ? TRANSPORT[name](layers[name], data, pseudo, Boolean(six)) : data);
  let body = ip ? packet4(ip, number, upper) : six ? packet6(six, number, upper) : upper(() => []);
  if (!body) return null;
  const type = ip ? IPV4 : six ? IPV6 : 0x9000;
  if (vlan) body = [...be16(((vlan.prio ?? 0) << 13) | (vlan.id ?? 1)), ...be16(ip || six ? type : 0), ...body];
  const addresses = [unhex(eth.dst ?? ETHERNET.dst), unhex(eth.src ?? ETHERNET.src)];
  if (addresses.some((each) => each.length !== 6)) return null;
  return [...addresses.flat(), ...be16(eth.type ?? (vlan ? VLAN : type)), ...body];
}

/** @param {Bytes} data @returns {Layers} */
const rest = (data) => (data.length ? { payload: { hex: hex(data) } } : {});

/**
 * Transport header at the start of the data -> fields, or null when there are too few bytes for one.
 * @type {Record<Transport, (d: Bytes) => {fields: Fields, size: number, sum: number} | null>}
 */
const READ = {
  tcp: (d) =>
    d.length < 20
      ? null
      : {
          fields: {
            sport: u16(d, 0), dport: u16(d, 2), seq: u32(d, 4), ack: u32(d, 8), window: u16(d, 14),
            flags: [...FLAGS].filter((_, i) => ((((d[12] & 1) << 8) | d[13]) >> i) & 1).join("") || 0,
          },
          size: 20, sum: 16,
        },
  udp: (d) => (d.length < 8 ? null : { fields: { sport: u16(d, 0), dport: u16(d, 2) }, size: 8, sum: 6 }),
  icmp: (d) => (d.length < 8 ? null : { fields: { type: d[0], code: d[1], id: u16(d, 4), seq: u16(d, 6) }, size: 8, sum: 2 }),
};
/** Types whose second four bytes are an identifier and a sequence number; those of others have to be zero here. */
/** @type {Record<number, number[]>} */
const ECHO = { 4: [0, 8], 6: [128, 129] };
/** @type {Record<number, number[]>} */
const WITHOUT_IDENTIFIER = { 4: [3, 4, 11], 6: [] };

/** The network header at the start of the data, or null. @param {Bytes} data @param {number} type EtherType */
function network(data, type) {
  if (type === IPV4 && data.length >= 20 && data[0] === 0x45)
    return {
      name: "ip", size: 20, proto: data[9], sum: 10, version: 4,
      fields: { src: ipv4(data.slice(12, 16)), dst: ipv4(data.slice(16, 20)), ttl: data[8], tos: data[1], id: u16(data, 4) },
      number: { proto: data[9] },
    };
  if (type === IPV6 && data.length >= 40 && data[0] === 0x60)
    return {
      name: "ipv6", size: 40, proto: data[6], sum: -1, version: 6,
      fields: { src: ipv6(data.slice(8, 24)), dst: ipv6(data.slice(24, 40)), hlim: data[7] },
      number: { nh: data[6] },
    };
  return null;
}

/** @type {Record<string, string>} */
const NAMES = { ip: "IPv4 header", tcp: "TCP", udp: "UDP", icmp: "ICMP" };

/** `data` with the two bytes of a checksum taken from `made`: everything else has to be the same. @param {Bytes} data @param {Bytes} made @param {number} at */
function withSum(data, made, at) {
  const out = [...data];
  if (at >= 0 && at + 1 < made.length) out.splice(at, 2, made[at], made[at + 1]);
  return out;
}

/**
 * A frame as layers of the form: {layers, sums, note}. As many headers are taken apart as the form can show without
 * changing a byte; what follows stays as payload bytes. `sums` names checksums that were not right and are made anew;
 * `note` says what stays as bytes, "" when nothing does. Null for fewer than 14 bytes: that is no frame.
 * @param {Bytes} data
 * @returns {{layers: Layers, sums: string[], note: string} | null}
 */
export function decode(data) {
  if (data.length < 14) return null;
  const eth = { src: mac(data.slice(6, 12)), dst: mac(data.slice(0, 6)) };
  let type = u16(data, 12);
  const plain = { layers: { eth: { ...eth, type }, ...rest(data.slice(14)) }, sums: [] };
  let at = 14;
  /** @type {Layers} */
  const base = { eth };
  if (type === VLAN && data.length >= 18 && !(data[14] & 0x10)) {
    base.vlan = { id: u16(data, 14) & 0xfff, prio: data[14] >> 5 };
    type = u16(data, 16);
    at = 18;
  }
  const net = network(data.slice(at), type);
  if (!net) return { ...plain, note: data.length > 14 ? "The form has no fields for the data after the Ethernet header: it is kept as bytes." : "" };
  /** @type {{layers: Layers, sums: [string, number][], note: string}[]} checksums by layer and place */
  const tries = [];
  const inner = data.slice(at + net.size);
  const upper = TRANSPORTS.find((name) => (net.version === 6 && name === "icmp" ? ICMPV6 : PROTO[name]) === net.proto);
  const read = upper ? READ[upper](inner) : null;
  const fits =
    upper !== "icmp" ||
    !read ||
    ECHO[net.version].includes(inner[0]) ||
    (WITHOUT_IDENTIFIER[net.version].includes(inner[0]) && !inner.slice(4, 8).some(Boolean));
  if (upper && read && fits)
    tries.push({
      layers: { ...base, [net.name]: net.fields, [upper]: read.fields, ...rest(inner.slice(read.size)) },
      sums: [[net.name, net.sum < 0 ? -1 : at + net.sum], [upper, at + net.size + read.sum]],
      note: "",
    });
  tries.push({
    layers: { ...base, [net.name]: { ...net.fields, ...net.number }, ...rest(inner) },
    sums: [[net.name, net.sum < 0 ? -1 : at + net.sum]],
    note: inner.length ? "The data after the IP header cannot be shown as fields without changing it: it is kept as bytes." : "",
  });
  for (const attempt of tries) {
    const made = encode(attempt.layers);
    if (!made) continue;
    const summed = attempt.sums.reduce((bytes, [, place]) => withSum(bytes, made, place), data);
    if (!same(summed, made)) continue;
    const sums = attempt.sums.filter(([, place]) => place >= 0 && (data[place] !== made[place] || data[place + 1] !== made[place + 1]));
    return { layers: attempt.layers, sums: sums.map(([name]) => NAMES[name]), note: attempt.note };
  }
  return { ...plain, note: "The form has no fields for parts of the headers after Ethernet (options, padding, a fragment): they are kept as bytes." };
}
