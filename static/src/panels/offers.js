/** What clang and the loader said of the source, each with what can be done about it in one click. */
import { lineName, wrongName } from "../core/files.js";
import { h } from "../ui/dom.js";
import { count } from "../ui/format.js";

const MOST = 6;

/** @import { Stages } from "../core/store.js" */
/** @import { Fix, Missing, Remark } from "../types/messages.js" */

/** @typedef {{jump: (line: number, file?: string) => void, addMissing: () => void, write: (name: string) => void, apply: (fix: Fix) => void}} Acts */

/**
 * @param {Stages["compile"]} compile
 * @param {Stages["load"]} load
 * @param {Acts} acts
 * @returns {HTMLElement[]} nothing where there is nothing to say
 */
export function offers(compile, load, acts) {
  const missing = compile?.missing ?? [];
  const added = compile?.added ?? [];
  const errors = compile?.status === "failed" ? (compile.diagnostics ?? []).filter((d) => /error|fatal/.test(d.severity)) : [];
  // What is missing is offered below, once; when it was added, the remark offers to write it into the source.
  const compiler = (compile?.remarks ?? []).filter((remark) => remark.kind !== "missing" || !missing.length);
  /** @type {HTMLElement[]} */
  const parts = [...compiler, ...(load?.remarks ?? [])].map((remark) => remarked(remark, acts));
  if (missing.length)
    parts.push(
      h(
        "div",
        { class: "offer" },
        h("ul", null, missing.map((m) => h("li", null, m.message || `${m.what} is missing`))),
        h(
          "span",
          { class: "offer-acts" },
          missing
            .map((m) => (m.absent ? headerName(m.what) : ""))
            .filter(Boolean)
            .slice(0, MOST)
            .map((name) => h("button", { type: "button", class: "button primary", on: { click: () => acts.write(name) } }, `Paste ${name}`)),
          h("button", { type: "button", class: missing.every((m) => m.absent) ? "button" : "button primary", on: { click: acts.addMissing } }, addsMissing(missing)),
        ),
      ),
    );
  if (added.length)
    parts.push(
      h("div", { class: "added" }, "Added at the beginning of your source:", h("ul", null, added.map((text) => h("li", null, h("code", null, text))))),
    );
  if (errors.length) {
    const list = h(
      "ul",
      { class: "errors" },
      errors.slice(0, MOST).map((d) => h("li", null, place(d.line, acts, d.file), ` ${d.message}`)),
      errors.length > MOST ? h("li", null, `and ${errors.length - MOST} more`) : null,
    );
    // Where something is missing, most errors only follow from that.
    parts.push(missing.length ? h("details", null, h("summary", null, count(errors.length, "error")), list) : list);
  }
  return parts;
}

/** What the button says that compiles with everything that is missing. @param {Missing[]} missing */
function addsMissing(missing) {
  const one = missing.length === 1;
  if (missing.every((m) => m.absent)) return `Go on without ${one ? missing[0].what : "them"}`;
  return one ? `Add ${missing[0].add || "it"}` : "Add them";
}

/** The name that a header has beside the source; "" for one that cannot stand there. @param {string} what as the source includes it */
function headerName(what) {
  const name = what.replace(/^(?:\.{1,2}\/)+/, "");
  return wrongName(name, {}) ? "" : name;
}

/** @param {number} line @param {Acts} acts @param {string} [file] */
const place = (line, acts, file = "") => h("button", { type: "button", class: "line-link", on: { click: () => acts.jump(line, file) } }, lineName(line ?? "?", file));

/** One remark of the compiler or the loader, with a button where a fix comes with it. @param {Remark} remark @param {Acts} acts */
function remarked(remark, acts) {
  const { fix } = remark;
  return h(
    "div",
    { class: "offer remark" },
    h("p", null, remark.line ? [place(remark.line, acts), " "] : null, remark.program ? [h("code", null, remark.program), ": "] : null, remark.message),
    fix ? h("button", { type: "button", class: "button primary", on: { click: () => acts.apply(fix) } }, fix.title) : null,
  );
}
