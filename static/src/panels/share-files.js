/** What the share dialog offers beside a link: texts to copy, and files to download. */
import { shown } from "../core/link.js";
import { fileStem, mail, markdown, reproduction, sourceName } from "../core/report.js";
import { fill, h, setText } from "../ui/dom.js";
import { count, size } from "../ui/format.js";

/** @import { Binaries } from "../types/messages.js" */
/** @import { Scope } from "../core/scope.js" */
/** @import { State } from "../core/store.js" */

/** @typedef {{id: string, label: string, title: string, make: (state: State, url: string) => string}} Copy */

/** @type {Copy[]} */
export const COPIES = [
  { id: "markdown", label: "Markdown", title: "For an issue or a forum", make: markdown },
  { id: "reproduction", label: "Reproduction", title: "The source with its command lines and kernel", make: reproduction },
  { id: "mail", label: "Mailing-list text", title: "Plain text", make: mail },
];

/** @param {Scope} scope @param {() => string} url of the link that was made */
export function copies(scope, url) {
  const said = h("span", { class: "hint", role: "status" });
  const area = h("textarea", { class: "share-text", readonly: true, rows: "6", "aria-label": "Text", hidden: true });
  /** @param {Copy} copy */
  const press = async (copy) => {
    const text = copy.make(scope.state, url());
    area.value = text;
    area.hidden = false;
    area.select();
    try {
      await navigator.clipboard.writeText(text);
      setText(said, `Copied: ${size(new Blob([text]).size)}.`);
    } catch {
      setText(said, "The text is selected: copy it from here.");
    }
  };
  /** @param {Copy} copy */
  const bytes = (copy) => h("span", { class: "hint" }, ` ${size(new Blob([copy.make(scope.state, url())]).size)}`);
  const buttons = COPIES.map((copy) => h("button", { type: "button", class: "chip", title: copy.title, "data-copy": copy.id, on: { click: () => void press(copy) } }, copy.label, bytes(copy)));
  return h("div", { class: "share-group", role: "group", "aria-label": "Copy as" }, h("h3", null, "Copy as"), buttons, said, area);
}

/** @param {Blob} blob @param {string} name */
function save(blob, name) {
  const link = h("a", { href: URL.createObjectURL(blob), download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** @param {string} base64 */
const decoded = (base64) => new Blob([Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))]);

class Refusal extends Error {}

/** An answer of the server as a file. @param {string} address @param {RequestInit} [request] */
async function fetched(address, request) {
  const response = await fetch(address, request).catch(() => null);
  if (!response) throw new Refusal("The server cannot be reached.");
  if (!response.ok) {
    const { error } = await response.json().catch(() => ({ error: `The server answered ${response.status}.` }));
    throw new Refusal(String(error));
  }
  return response.blob();
}

/** A file that the `binaries` question answers with. @param {"object" | "xlated" | "image"} field @param {string} missing @returns {(scope: Scope) => Promise<Blob>} */
const binary = (field, missing) => async (scope) => {
  const { analyses, store } = scope;
  analyses.ask("binaries");
  const answer = await new Promise((resolve) => {
    let over = false;
    store.on(["analyses"], () => {
      const known = analyses.answer("binaries");
      if (over || known?.status === "asked") return;
      over = true;
      resolve(known);
    });
  });
  const [made] = /** @type {Binaries[]} */ (answer?.parts ?? []);
  if (!made) throw new Refusal(answer?.message || "Run the program first.");
  const data = made[field];
  if (data === null) throw new Refusal(missing);
  return decoded(data);
};

/** @param {string} path behind the run */
const ofRun = (path) => (/** @type {Scope} */ { session }) =>
  session.run ? fetched(`/api/runs/${session.run}/${path}`) : Promise.reject(new Refusal("Run the program first."));

/** @typedef {{id: string, label: string, name: (state: State) => string, make: (scope: Scope) => Promise<Blob>, size?: (state: State) => string, ask?: (scope: Scope) => Promise<string>, when?: (state: State) => boolean, server?: boolean}} Download `size`: what is known of it before; `ask`: what the server says of it; `server`: a page without one cannot make it */

/** Bytes of the trace, which the server counts. @param {Scope} scope */
async function ofTrace(scope) {
  if (scope.state.status.state !== "done") throw new Refusal("The run goes on.");
  const { trace, exact } = JSON.parse(await (await ofRun("size")(scope)).text());
  return `${exact ? "" : "about "}${size(trace)}`;
}

/** The run as a file that needs no server. @param {Scope} scope */
const session = ({ state, protocol, analyses }) =>
  fetched("/api/session", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ request: protocol.request(), title: state.program.title, view: shown(state), ...analyses.beside() }),
  });

/** @param {State} state */
const isProgram = ({ kind }) => kind !== "log";

/** Bytes of the source as a file. @param {State} state */
const ofSource = ({ kind, source, upload }) => size(upload ? upload.file.size : kind === "elf" ? (source.length * 3) / 4 : new Blob([source]).size);

/** About as many bytes as the log has. @param {State} state */
const ofLog = ({ log }) => {
  const known = log.lines.filter((line) => typeof line === "string");
  const bytes = new Blob([known.join("\n")]).size;
  return known.length ? `${known.length < log.lines.length ? "about " : ""}${size((bytes * log.lines.length) / known.length)}` : "";
};

/** @type {Download[]} */
export const DOWNLOADS = [
  { id: "session", label: "One file to step through offline", size: () => "1 to 5 MB", name: (state) => `${fileStem(state)}.html`, make: session, server: true },
  { id: "source", label: "Source", size: ofSource, name: sourceName, make: async ({ state }) => (state.kind === "elf" ? decoded(state.source) : (state.upload?.file ?? new Blob([state.source]))) },
  { id: "object", label: "Object", size: ({ stages }) => (stages.compile?.object_bytes ? size(stages.compile.object_bytes) : ""), name: (state) => `${fileStem(state)}.o`, when: ({ kind }) => kind === "c", make: binary("object", "There is no object file: the program comes from none.") },
  { id: "log", label: "Log", size: ofLog, name: (state) => `${fileStem(state)}.log`, when: isProgram, make: ofRun("log.txt"), server: true },
  { id: "xlated", label: "Rewritten (xlated)", size: ({ stages }) => (stages.jit?.xlated_bytes ? size(stages.jit.xlated_bytes) : ""), name: (state) => `${fileStem(state)}.xlated`, when: isProgram, make: binary("xlated", "The verifier does not accept the program, so it was not rewritten.") },
  { id: "image", label: "Machine code", size: ({ stages }) => (stages.jit?.bytes ? size(stages.jit.bytes) : ""), name: (state) => `${fileStem(state)}.x86-64`, when: isProgram, make: binary("image", "The verifier does not accept the program, so there is no machine code.") },
  { id: "trace", label: "Trace", size: ({ stages }) => (stages.verify?.steps ? count(stages.verify.steps, "step") : ""), ask: ofTrace, name: (state) => `${fileStem(state)}.trace.jsonl`, make: ofRun("trace.jsonl"), server: true },
];

/** @param {Scope} scope */
export function downloads(scope) {
  const said = h("span", { class: "hint", role: "status" });
  /** @param {Download} download */
  const press = async (download) => {
    setText(said, "Making the file…");
    try {
      const blob = await download.make(scope);
      save(blob, download.name(scope.state));
      setText(said, `${download.label}: ${size(blob.size)}.`);
    } catch (error) {
      setText(said, error instanceof Refusal ? error.message : "The file could not be made.");
    }
  };
  /** @param {Download} download */
  const known = (download) => {
    const told = download.size?.(scope.state);
    const said = h("span", { class: "hint" }, told ? ` ${told}` : "");
    // Where the server does not know it, what is known stays.
    void download.ask?.(scope).catch(() => told ?? "").then((text) => setText(said, text ? ` ${text}` : ""));
    return said;
  };
  const offered = DOWNLOADS.filter(({ when, server }) => (!when || when(scope.state)) && !(server && scope.config.file));
  const buttons = offered.map((each) => h("button", { type: "button", class: "chip", "data-download": each.id, on: { click: () => void press(each) } }, each.label, known(each)));
  const box = h("div", { class: "share-group", role: "group", "aria-label": "Download" });
  fill(box, h("h3", null, "Download"), buttons, said);
  return box;
}
