/**
 * Messages that are too long for the socket: their longest texts are uploaded first, and the message names the uploads
 * (docs/web.md, "Uploads").
 */
import { upload } from "./upload.js";
import { size } from "../ui/format.js";

/** @import { ClientMessage } from "../types/messages.js" */

/** Bytes of one message, where the server has not said otherwise. */
const MOST = 128 << 10;
/** Uploads that are remembered, so that the same text is not sent twice. */
const REMEMBERED = 64;

/** Kind of a source -> kind of its upload. @type {Record<string, string>} */
const SOURCES = { c: "source", asm: "source", hex: "source", listing: "source", elf: "object", log: "log" };
/** Kind of an input -> its field, and the kind of its upload. @type {Record<string, [string, string]>} */
const INPUTS = { packet: ["hex", "packet"], pcap: ["base64", "capture"], recording: ["base64", "recording"], given: ["json", "input"] };
/** What an upload of each kind is called while it is sent. @type {Record<string, string>} */
const NAMES = {
  source: "the source", header: "a file", object: "the object file", capture: "the capture",
  recording: "the recording", packet: "the packet", input: "the input", log: "the log",
};

/** A text that may be uploaded: the object that holds it, its field there (of a header its name), the kind of the upload. @typedef {{holder: any, field: string, kind: string, text: string}} Place */

/** @param {string} text of base64 */
const fromBase64 = (text) => Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
/** @param {string} text of hex digits */
const fromHex = (text) => Uint8Array.from(text.replaceAll(/\s/g, "").match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
/** @type {Record<string, (text: string) => Uint8Array<ArrayBuffer>>} */
const DECODE = { object: fromBase64, capture: fromBase64, recording: fromBase64, packet: fromHex };

/** @param {string} text */
const bytes = (text) => new TextEncoder().encode(text).length;

/** The texts of a message that may be uploaded, the longest first. @param {any} message @returns {Place[]} */
export function places(message) {
  /** @type {Place[]} */
  const found = [];
  /** @param {any} holder @param {string} field @param {string | undefined} kind */
  const add = (holder, field, kind) => {
    if (kind && typeof holder[field] === "string" && holder[field]) found.push({ holder, field, kind, text: holder[field] });
  };
  for (const request of [message.request, message.other]) {
    if (!request || typeof request !== "object") continue;
    add(request, "source", SOURCES[request.kind]);
    if (request.beside) add(request.beside, "source", SOURCES[request.beside.kind]);
    const input = request.input && INPUTS[request.input.kind];
    if (input) add(request.input, input[0], input[1]);
    for (const [name, text] of Object.entries(request.files ?? {})) if (text) found.push({ holder: request, field: name, kind: "header", text });
  }
  return found.sort((a, b) => b.text.length - a.text.length);
}

export class Fitting {
  most = MOST;
  /** @type {Map<string, string>} ids by kind and text */
  ids = new Map();
  /** @type {Set<ReturnType<typeof upload>>} what is being sent */
  going = new Set();

  /** @param {typeof upload} [send] */
  constructor(send = upload) {
    this.send = send;
  }

  /** Whether a message can be sent as it is. @param {string} text */
  fits(text) {
    return text.length <= this.most && (3 * text.length <= this.most || bytes(text) <= this.most);
  }

  /**
   * The text of a message that names uploads. Rejected with an Error whose message is a sentence.
   * @param {ClientMessage} message
   * @param {(sentence: string) => void} told how far it is
   * @returns {Promise<string>}
   */
  async fitted(message, told) {
    const copy = structuredClone(message);
    for (const { holder, field, kind, text } of places(copy)) {
      const id = await this.id(kind, text, told);
      if (kind === "header") {
        delete holder.files[field];
        holder.uploads = { ...holder.uploads, [field]: id };
      } else Object.assign(holder, { [field]: "", upload: id });
      const fitting = JSON.stringify(copy);
      if (this.fits(fitting)) return fitting;
    }
    throw new Error(`This is too long: one message may have ${size(this.most)}, and what it holds beside files does not fit.`);
  }

  /** @param {string} kind @param {string} text @param {(sentence: string) => void} told @returns {Promise<string>} */
  async id(kind, text, told) {
    const key = `${kind}:${text}`;
    const known = this.ids.get(key);
    if (known) return known;
    const data = new Blob([DECODE[kind]?.(text) ?? text]);
    const uploading = this.send(data, (sent) => told(`Sending ${NAMES[kind]}: ${size(sent)} of ${size(data.size)}…`), kind);
    this.going.add(uploading);
    try {
      const id = await uploading.sent;
      this.ids.set(key, id);
      if (this.ids.size > REMEMBERED) this.ids.delete(/** @type {string} */ (this.ids.keys().next().value));
      return id;
    } finally {
      this.going.delete(uploading);
    }
  }

  /** The server no longer has what was uploaded. */
  forget() {
    this.ids.clear();
  }

  /** End what is being sent. */
  stop() {
    for (const each of this.going) each.stop();
    this.going.clear();
  }
}
