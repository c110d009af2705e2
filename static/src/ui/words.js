/** What the verifier's own terms mean, in plain words. A term this page does not know stands for itself. */

/** Linux 7.3's groups of rejections, and limits -> [what it comes to, one sentence more]. */
const CATEGORIES = {
  "Register Type Safety": [
    "The wrong kind of value",
    "A register holds another kind of value than this instruction can work with: a number where a pointer is needed, for example, or nothing yet.",
  ],
  "Memory Safety": [
    "An access that is not proven safe",
    "On some path the program could reach memory outside of what it has shown to be its own.",
  ],
  "Resource Lifetime Safety": [
    "Something is not given back",
    "What is taken (a reference, a lock, a reserved record) has to be given back once on every path, and must not be used after that.",
  ],
  "Call Type Safety": [
    "A call that does not fit",
    "What a function is given, or gives back, is not what was agreed.",
  ],
  "Execution Context Safety": [
    "Not allowed in this place",
    "What the program does here is fine elsewhere, but not under a lock, in a section it may not sleep in, or in this hook.",
  ],
  "Program Structure": [
    "Not a program the kernel can follow",
    "The instructions themselves are at fault: a jump that leads nowhere, a loop without an end, an instruction that does not exist.",
  ],
  Policy: [
    "Not permitted",
    "The kernel could follow the program, but does not allow it: not for this kind of program, this hook, this licence or this user.",
  ],
  Limits: [
    "Too large or too complex",
    "The verifier has bounds on how much it walks. It gave up here; that alone does not say the program is unsafe.",
  ],
};

/** {label, sentence} of a category. */
export function category(name) {
  const [label, sentence] = Object.hasOwn(CATEGORIES, name) ? CATEGORIES[name] : [name || "Rejected", ""];
  return { label, sentence };
}

const HOLDINGS = { reference: "reference", lock: "lock", rcu: "RCU read section", preempt: "preemption off" };

/** "reference 3", "lock", "RCU read section". */
export function holding({ kind, id }) {
  const word = Object.hasOwn(HOLDINGS, kind) ? HOLDINGS[kind] : kind;
  return kind === "reference" && id ? `${word} ${id}` : word;
}

/** How a checkpoint's values were compared with those that arrived. */
export const EXACT = {
  NOT_EXACT: "Only what was read after the checkpoint counts, and of numbers only those that had to be precise.",
  RANGE_WITHIN: "Every value counts, read or not.",
  EXACT: "Every value has to be the very same.",
};

/** What one can do where the emulation stops, by the kind of what is not covered. */
/** @type {Record<string, string[]>} */
const WAYS_ON = {
  crash: ["Do not load this program: verifying it can stop a real kernel.", "Take the call out to see the rest of the program walked."],
  "program type": ["The verifier's verdict, its steps and its log stand: they do not depend on the run."],
  "machine code": ["Choose the interpreter in the Program menu: it runs what there is no machine code for."],
};

/** Sentences: what to try after "not emulated: …". */
export function waysOn(kind) {
  return Object.hasOwn(WAYS_ON, kind) ? WAYS_ON[kind] : ["Take what is named above out of the program to see the rest of it."];
}

/** "a work queue; an arena": what is not emulated, of a stage's message. */
export function notEmulated(list) {
  return (list ?? []).map(({ text }) => text).join("; ");
}

/** "a check" -> "A check.": a phrase of the verifier's as a sentence. */
export function asSentence(text) {
  const trimmed = String(text ?? "").trim();
  if (!trimmed) return "";
  // A name such as r1 or bpf_skb_load_bytes() stays as it is spelt.
  const named = /^(r\d|fp-|\d+:|[a-z]+_)/.test(trimmed);
  const first = named ? trimmed[0] : trimmed[0].toUpperCase();
  return `${first}${trimmed.slice(1)}${/[.!?:`]$/.test(trimmed) ? "" : "."}`;
}
