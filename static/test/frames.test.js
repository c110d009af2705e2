import assert from "node:assert/strict";
import { test } from "node:test";
import { decode, encode, ipv6 } from "../src/core/frames.js";

const FORMS = {
  "UDP over IPv4": { eth: {}, ip: { src: "10.0.0.1", dst: "10.0.0.2" }, udp: { sport: 1, dport: 2 }, payload: { text: "hi" } },
  "TCP over IPv6": { eth: {}, ipv6: { src: "2001:db8::1", dst: "::1" }, tcp: { sport: 5, dport: 80, flags: "SA" } },
  "ICMP in a VLAN": { eth: {}, vlan: { id: 7, prio: 3 }, ip: {}, icmp: { type: 8, id: 4, seq: 9 }, payload: { hex: "0102" } },
};

test("a form becomes a frame and the frame the same form", () => {
  for (const [name, form] of Object.entries(FORMS)) {
    const made = encode(form);
    assert.ok(made, name);
    const found = decode(made);
    assert.deepEqual([found?.note, found?.sums], ["", []], name);
    assert.deepEqual(encode(found?.layers), made, name);
  }
});

test("checksums: RFC 1071 over the header and the pseudo-header", () => {
  const made = encode(FORMS["UDP over IPv4"]) ?? [];
  const sum = (data) => {
    let total = 0;
    for (let i = 0; i < data.length; i += 2) total += (data[i] << 8) | (data[i + 1] ?? 0);
    while (total > 0xffff) total = (total & 0xffff) + (total >>> 16);
    return total;
  };
  assert.equal(sum(made.slice(14, 34)), 0xffff);
  assert.equal(sum([...made.slice(26, 34), 0, 17, 0, 10, ...made.slice(34)]), 0xffff);
});

test("a wrong checksum is named and made anew", () => {
  const made = encode(FORMS["UDP over IPv4"]) ?? [];
  const wrong = [...made];
  wrong[24] ^= 0xff;
  const found = decode(wrong);
  assert.deepEqual(found?.sums, ["IPv4 header"]);
  assert.deepEqual(encode(found?.layers), made);
});

test("what has no fields stays as bytes, and nothing is lost", () => {
  const arp = [...Array(12).fill(1), 8, 6, 1, 2, 3];
  const options = encode(FORMS["UDP over IPv4"]) ?? [];
  options[14] = 0x46;
  for (const frame of [arp, options]) {
    const found = decode(frame);
    assert.ok(found?.note);
    assert.deepEqual(encode(found?.layers), frame);
  }
  assert.equal(decode(Array(13).fill(0)), null);
});

test("addresses that are none make no frame", () => {
  for (const ip of [{ src: "1.2.3" }, { src: "1.2.3.256" }, { dst: "x" }]) assert.equal(encode({ ip }), null);
  for (const src of ["1:2", "1::2::3", "12345::", "g::"]) assert.equal(encode({ ipv6: { src } }), null, src);
  assert.equal(encode({ eth: { dst: "00:11" } }), null);
});

test("IPv6 addresses as RFC 5952 writes them", () => {
  const groups = (...values) => values.flatMap((value) => [value >> 8, value & 255]);
  assert.equal(ipv6(groups(0x2001, 0xdb8, 0, 0, 1, 0, 0, 1)), "2001:db8::1:0:0:1");
  assert.equal(ipv6(groups(1, 0, 2, 3, 4, 5, 6, 7)), "1:0:2:3:4:5:6:7");
  assert.equal(ipv6(Array(16).fill(0)), "::");
});
