/** Types of the page's own that JSDoc cannot express. */

/** What can stand in an element: text is made visible; null, undefined and false are left out. */
export type Child = Node | string | number | boolean | null | undefined | Child[];

/** A change of the source with which the verifier accepts the program. */
export interface FixFound {
  type: "fix";
  /** what it does, in a few words */
  title: string;
  /** why this settles it, a sentence */
  why: string;
  /** the change, as a unified diff */
  diff: string;
  edits: import("./messages.js").Edit[];
  /** instructions the verifier processed to accept the result */
  insns_processed: number;
}

/** All fixes that were found were told. */
export interface FixesDone {
  type: "fixes_done";
  /** how many changes were compiled and verified */
  tried: number;
}

/** Whether an input makes the refused access fail. */
export interface Counterexample {
  type: "counterexample";
  status: "found" | "none" | "unknown";
  /** a sentence */
  why: string;
  /** with `found`: as in a request */
  input: NonNullable<import("./messages.js").Request["input"]> | null;
  /** with `found`: where the run on it stops */
  fault: { insn: number; message: string; step: number } | null;
  /** with `none`: what the verifier no longer knows at that instruction; `""`: nothing to say */
  forgotten: string;
}
