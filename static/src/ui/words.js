/** What the verifier's own terms mean, in plain words. A term this page does not know stands for itself. */

/** @import { Holding, NotCovered } from "../types/messages.js" */

/** Linux 7.3's groups of rejections, and limits -> [what it comes to, one sentence more]. @type {Record<string, [string, string]>} */
const CATEGORIES = {
  "Register Type Safety": [
    "Wrong type of value",
    "A register has a value of a type that this instruction cannot use: for example a number where a pointer is required, or no value yet.",
  ],
  "Memory Safety": [
    "An access that is not proven safe",
    "On some path the program could access memory that it has not proven to be valid.",
  ],
  "Resource Lifetime Safety": [
    "A resource is not released",
    "An acquired resource (a reference, a lock, a reserved record) must be released exactly once on every path and must not be used after that.",
  ],
  "Call Type Safety": [
    "A call with invalid arguments",
    "The arguments or the result of a function do not match its prototype.",
  ],
  "Execution Context Safety": [
    "Not allowed in this context",
    "This operation is not allowed here: under a lock, in a section that must not sleep, or in this hook.",
  ],
  "Program Structure": [
    "Invalid program structure",
    "The instructions themselves are invalid: for example a jump out of the program, an endless loop, or an unknown opcode.",
  ],
  Policy: [
    "Not permitted",
    "The kernel does not permit this for this program type, hook, license or user.",
  ],
  Limits: [
    "Too large or too complex",
    "The verifier stopped at one of its limits. This does not mean that the program is unsafe.",
  ],
};

/** {label, sentence} of a category. @param {string} name */
export function category(name) {
  const [label, sentence] = Object.hasOwn(CATEGORIES, name) ? CATEGORIES[name] : [name || "Rejected", ""];
  return { label, sentence };
}

/** @type {Record<string, string>} */
const HOLDINGS = { reference: "reference", lock: "lock", rcu: "RCU read section", preempt: "preemption off" };

/** "reference 3", "lock", "RCU read section". @param {Pick<Holding, "kind" | "id">} held */
export function holding({ kind, id }) {
  const word = Object.hasOwn(HOLDINGS, kind) ? HOLDINGS[kind] : kind;
  return kind === "reference" && id ? `${word} ${id}` : word;
}

/** How a checkpoint's values were compared with those that arrived. @type {Record<string, string>} */
export const EXACT = {
  NOT_EXACT: "Only values that were read after the checkpoint are compared, and numbers only if they had to be precise.",
  RANGE_WITHIN: "Every value is compared, whether it is read or not.",
  EXACT: "Every value must be identical.",
};

/** What one can do where the emulation stops, by the kind of what is not covered. */
/** @type {Record<string, string[]>} */
const WAYS_ON = {
  crash: ["Do not load this program: verifying it can stop a real kernel.", "Remove the call to verify the rest of the program."],
  "program type": ["The verifier's verdict, steps and log are valid: they do not depend on the run."],
  "machine code": ["Choose the interpreter in the Program menu: it can run programs for which no machine code is emitted."],
};

/** Sentences: what to try after "not emulated: …". @param {NotCovered["kind"]} kind */
export function waysOn(kind) {
  return Object.hasOwn(WAYS_ON, kind) ? WAYS_ON[kind] : ["Remove the part named above from the program to see the rest."];
}

/** "a work queue; an arena": what is not emulated, of a stage's message. @param {NotCovered[] | undefined} list */
export function notEmulated(list) {
  return (list ?? []).map(({ text }) => text).join("; ");
}

/**
 * "a check" -> "a check.": the end of a sentence. Its beginning stays as it is: it may be a name of the program's, and
 * names are never spelt otherwise.
 * @param {string} text
 */
export function ending(text) {
  const trimmed = String(text ?? "").trim();
  return !trimmed || /[.!?:`]$/.test(trimmed) ? trimmed : `${trimmed}.`;
}
