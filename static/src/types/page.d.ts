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
  /** how many `fix` messages there were */
  found: number;
}

/** Where the run on a counterexample stopped. */
export interface CounterexampleFault {
  insn: number;
  /** a sentence */
  message: string;
  /** r0 to r10 there, unsigned decimal text */
  registers: string[];
}

/** Whether an input makes the refused access fail. */
export interface Counterexample {
  type: "counterexample";
  /** `other`: the rejection is about no memory access */
  status: "found" | "none" | "unknown" | "other";
  /** a sentence or two */
  why: string;
  /** with `found`: JSON text for an input of the kind `given` */
  input: string | null;
  /** with `found`: where the run on it stops */
  fault: CounterexampleFault | null;
  /** with `none`: what the verifier no longer knows at that instruction; `""`: nothing to say */
  forgotten: string;
}

/** The input of a counterexample: the program runs as it was loaded, whatever the verifier says of it. */
export interface GivenInput {
  kind: "given";
  json: string;
}

declare global {
  /** Media queries of the style sheets about the window, by word; static/build.mjs puts them into theme.js. */
  const QUERIES: Record<string, Partial<Record<"max-width" | "min-width" | "max-height" | "min-height", number>>>;
}
