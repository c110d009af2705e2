/** What the page itself reads of a recording (docs/recordings.md): the program that it was made of. */
import { known } from "./options.js";

/** @import { Options, RecordedInput } from "../types/messages.js" */

/** Bytes of the head of a recording, unpacked. */
const MOST = 8 << 20;
const HEADER = 16;
const VERSION = 1;
/** Characters of a kernel's name that are told. */
const RELEASE = 64;
const KINDS = ["c", "asm", "hex", "elf", "listing"];

export const MAGIC = "42504652"; // BPFR

/**
 * @typedef {object} Opened
 * @property {"c" | "asm" | "hex" | "elf" | "listing"} kind
 * @property {string} source
 * @property {string} name of the source
 * @property {Partial<Options>} options
 * @property {string} program the one that the first event is of
 * @property {RecordedInput} input
 * @property {string} release
 * @property {number} events
 */

/**
 * The program of a recording, and the recording as an input.
 * @param {Uint8Array<ArrayBuffer>} data
 * @param {(data: Uint8Array) => string} base64
 * @returns {Promise<Opened | {error: string}>}
 */
export async function openRecording(data, base64) {
  if (data.length < HEADER) return { error: "The recording is cut: its end is missing." };
  const version = new DataView(data.buffer, data.byteOffset).getUint16(4, true);
  if (version > VERSION) return { error: `The recording was made by a newer bpfscope (format ${version}); this page reads up to format ${VERSION}.` };
  try {
    const head = await readHead(data.subarray(HEADER));
    const { kind, source, name, options } = head.source;
    const first = head.programs[head.events[0]?.program ?? 0];
    if (!head.events.length) return { error: "The recording holds no event." };
    if (!KINDS.includes(kind) || typeof source !== "string") return { error: "The recording is damaged: it holds no program." };
    return {
      kind,
      source,
      name: String(name ?? "program").slice(0, 128),
      options: known(options),
      program: String(first?.name ?? ""),
      input: { kind: "recording", base64: base64(data) },
      release: String(head.release).slice(0, RELEASE),
      events: head.events.length,
    };
  } catch {
    return { error: "The recording is damaged or cut: it cannot be unpacked." };
  }
}

/** The head, JSON; what follows it is not unpacked. @param {Uint8Array<ArrayBuffer>} packed @returns {Promise<any>} */
async function readHead(packed) {
  const reader = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate")).getReader();
  let body = new Uint8Array(0);
  for (;;) {
    const { done, value } = await reader.read();
    if (value) {
      const more = new Uint8Array(body.length + value.length);
      more.set(body);
      more.set(value, body.length);
      body = more;
    }
    const size = body.length >= 4 ? new DataView(body.buffer).getUint32(0, true) : Number.POSITIVE_INFINITY;
    if (body.length >= 4 && size > MOST) throw new Error("too long");
    if (body.length >= 4 + size) {
      await reader.cancel();
      return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body.subarray(4, 4 + size)));
    }
    if (done) throw new Error("cut");
  }
}
