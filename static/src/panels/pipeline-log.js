/** What the pipeline says of a log that is read instead of a program. */
import { count } from "../ui/format.js";
import { term } from "../ui/tip.js";
import { origin } from "./why-log.js";

/** @import { StageName, Stages } from "../core/store.js" */
/** @import { Child } from "../types/page.js" */

const VERDICTS = { accept: "accepted", reject: "rejected", unknown: "the text does not say whether the program was accepted" };
/** @type {Partial<Record<StageName, string>>} */
const WORKING = { load: "Looking for the instructions in the log…", verify: "The log is being read…" };

/** What a stage's sentence begins with; of the verifier's: what follows it. @param {StageName} stage @param {Stages} stages */
export function logName(stage, { verify }) {
  if (stage !== "verify") return "Log";
  const of = origin(verify);
  return of ? `Read from a log of ${of}` : "Read from a log";
}

/** What a stage says in a sentence. @param {StageName} stage @param {Stages} stages @returns {Child} */
export function logSentence(stage, stages) {
  const { load, verify } = stages;
  const m = stages[stage];
  if (m?.status === "working") return m.summary || WORKING[stage] || "";
  if (m?.message && m.status !== "done") return m.message;
  if (stage === "load" && load?.status === "done") return `${count(load.insns?.length ?? 0, "instruction")} in the text.`;
  const from = stage === "verify" ? verify?.read_from : null;
  if (!from) return m?.summary || m?.message || "";
  return [
    VERDICTS[from.verdict],
    from.insns_processed === null ? "" : [", ", term("processed", `${count(from.insns_processed, "instruction")} processed`)],
    ", ",
    term("step", count(verify?.steps ?? 0, "step")),
    " in the text.",
  ];
}
