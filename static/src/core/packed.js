/**
 * A link that carries the program itself: #z= and the request, title and view as JSON, deflated, in base64url. A browser
 * does not send the fragment of an address, so the server stores nothing of it.
 */
import { MOST_FILES } from "./files.js";

/** @import { Request, View } from "../types/messages.js" */

/** @typedef {{request: Request, title: string, view: View | null}} Packed */

/** Characters of JSON that a link may stand for: as much as a message of the run socket. */
const MOST = 3 << 20;
const KINDS = ["c", "asm", "hex", "elf", "listing", "log"];

/** @param {Packed} program @returns {Promise<string>} */
export async function pack(program) {
  const stream = new Blob([JSON.stringify(program)]).stream().pipeThrough(new CompressionStream("deflate-raw"));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  let text = "";
  for (let at = 0; at < bytes.length; at += 1 << 15) text += String.fromCharCode(...bytes.subarray(at, at + (1 << 15)));
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

/** The packed program of a fragment, "" if there is none. */
export const packedIn = (hash = location.hash) => /[#&]z=([\w-]+)/.exec(hash)?.[1] ?? "";

/** What a link carries; null if it did not arrive whole. @param {string} text @returns {Promise<Packed | null>} */
export async function unpack(text) {
  try {
    const bytes = Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
    return checked(JSON.parse(await inflated(bytes)));
  } catch {
    return null;
  }
}

/** @param {Uint8Array<ArrayBuffer>} bytes */
async function inflated(bytes) {
  const reader = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw")).pipeThrough(new TextDecoderStream("utf-8", { fatal: true })).getReader();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return text;
    text += value;
    if (text.length > MOST) throw new Error("too long");
  }
}

/** @param {unknown} value */
const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

/**
 * The value of a link as far as the page relies on it; the server checks the request when it is run.
 * @param {any} value
 * @returns {Packed | null}
 */
function checked(value) {
  const { request, title, view } = value ?? {};
  if (!isObject(request) || !KINDS.includes(request.kind) || typeof request.source !== "string") return null;
  const { kind, source, files, options, input, beside } = request;
  /** @type {any} */
  const clean = { kind, source, options: simple(options) };
  const own = Object.entries(isObject(files) ? files : {}).filter(([, text]) => typeof text === "string");
  if (kind === "c" && own.length) clean.files = Object.fromEntries(own.slice(0, MOST_FILES));
  if (isObject(input) && typeof input.kind === "string") clean.input = input;
  if (isObject(beside) && typeof beside.source === "string" && KINDS.includes(beside.kind)) clean.beside = { kind: beside.kind, source: beside.source, options: simple(beside.options) };
  return { request: clean, title: typeof title === "string" ? title.slice(0, 128) : "", view: isObject(view) ? seen(view) : null };
}

/** Options are words and flags. @param {any} options */
const simple = (options) => Object.fromEntries(Object.entries(isObject(options) ? options : {}).filter(([, value]) => typeof value === "string" || typeof value === "boolean"));

/** A view with the types it has to have. @param {any} view @returns {View} */
function seen(view) {
  /** @type {any} */
  const clean = {};
  for (const name of ["step", "packet"]) if (Number.isSafeInteger(view[name]) && view[name] >= 0) clean[name] = view[name];
  for (const name of ["reg", "pane", "selected"]) if (typeof view[name] === "string" && view[name].length <= 128) clean[name] = view[name];
  if (view.stage === "run") clean.stage = "run";
  if (view.base === "hex") clean.base = "hex";
  if (view.dock === false) clean.dock = false;
  if (isObject(view.layout) && JSON.stringify(view.layout).length < 8192) clean.layout = view.layout;
  if (Array.isArray(view.breakpoints)) clean.breakpoints = view.breakpoints.slice(0, 100).filter(isBreakpoint);
  return clean;
}

/** @param {any} point */
const isBreakpoint = (point) =>
  isObject(point) && ["line", "insn", "helper", "condition"].includes(point.kind) && typeof point.enabled === "boolean" &&
  (Number.isSafeInteger(point.value) || (typeof point.value === "string" && point.value.length <= 256));
