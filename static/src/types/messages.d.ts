/** The run socket's messages. Generated from playground/messages by `make protocol`. */

/** How the program is compiled, loaded, verified and run. Every option may be left out. */
export interface Options {
  /** the program's name; `""`: the first */
  program?: string;
  /** clang's optimisation level */
  opt?: "O0" | "O1" | "O2";
  /** BPF instruction set version */
  mcpu?: "v1" | "v2" | "v3" | "v4";
  /** add the `#include` lines a C source lacks */
  fix_includes?: boolean;
  /** program type of assembly and hex, as a section name */
  prog_type?: string;
  /** without it the interpreter runs the program unverified */
  verify?: boolean;
  /** load as a user without capabilities */
  unprivileged?: boolean;
  /** what executes the program */
  engine?: "jit" | "interpreter";
}

/** The program decides: a packet for networking programs, an event with example values for tracing ones. */
export interface AutoInput {
  kind: "auto";
}

/** Nothing. */
export interface NoInput {
  kind: "none";
}

/** One packet, as bytes. */
export interface PacketInput {
  kind: "packet";
  /** the bytes; white space is ignored */
  hex: string;
  /** the socket a socket filter is attached to: `packet` (the default), `dgram`, `ip`, `transport` or `test_run` */
  socket?: string;
  /** id of an upload whose bytes take the place of the text, which is `""` then */
  upload?: string;
}

/** One packet, as layers. */
export interface FormInput {
  kind: "form";
  /** see *Layers* */
  layers?: Record<string, Record<string, string | number>>;
  /** the socket a socket filter is attached to: `packet` (the default), `dgram`, `ip`, `transport` or `test_run` */
  socket?: string;
}

/** The packets of a capture, one run each; maps are kept between them. */
export interface PcapInput {
  kind: "pcap";
  /** a pcap or pcapng file */
  base64: string;
  /** the socket a socket filter is attached to: `packet` (the default), `dgram`, `ip`, `transport` or `test_run` */
  socket?: string;
  /** id of an upload whose bytes take the place of the text, which is `""` then */
  upload?: string;
}

/** Bytes. */
export interface Bytes {
  hex: string;
}

/** An event with the values of its arguments or fields. */
export interface EventInput {
  kind: "event";
  /** the event; `""`: the program's own */
  name?: string;
  /** see *Values*; at most 128 */
  values?: Record<string, string | number | string[] | Bytes>;
}

/** Everything a run gets, by where the program gets it: a counterexample. The program runs as it was loaded, in the interpreter, also if the verifier rejected it; each access is checked. */
export interface GivenInput {
  kind: "given";
  /** the JSON text of an input file (docs/counterexample.md) */
  json: string;
  /** id of an upload whose bytes take the place of the text, which is `""` then */
  upload?: string;
}

/** A recording of the program in a real kernel (docs/recordings.md): its events take the place of runs. */
export interface RecordedInput {
  kind: "recording";
  /** a file of `record` */
  base64: string;
  /** id of an upload whose bytes take the place of the text, which is `""` then */
  upload?: string;
}

/** The source of the program that a log is of: verified here too, to see where the two part. */
export interface Beside {
  /** what `source` is */
  kind: "c" | "asm" | "hex" | "elf";
  /** the text; of an object file (`elf`) its base64 */
  source: string;
  /** how it is treated */
  options?: Options;
  /** id of an upload whose bytes take the place of the text, which is `""` then */
  upload?: string;
}

/** What is run, shared and stored. */
export interface Request {
  /** what `source` is; `listing`: by `llvm-objdump -d` or `bpftool prog dump xlated`; `log`: a verifier's log that is read instead of a program */
  kind: "c" | "asm" | "hex" | "elf" | "listing" | "log";
  /** the text; of an object file (`elf`) its base64; `""` with `upload` */
  source: string;
  /** how it is treated */
  options?: Options;
  /** what it is run on; absent: `auto` */
  input?: AutoInput | NoInput | PacketInput | FormInput | PcapInput | EventInput | GivenInput | RecordedInput;
  /** the object's name, with which the names of its maps of global variables begin; absent: `program` */
  name?: string;
  /** with `c`: the user's own headers by the names that `#include` gives them; with `elf`: the sources it was made of, for the text of its lines; at most 32 */
  files?: Record<string, string>;
  /** id of an upload that is the source, which is `""` then; of an object file its bytes. A log can be read once. What is uploaded is not shared */
  upload?: string;
  /** further files, by name: ids of uploads; with `files` at most 32 */
  uploads?: Record<string, string>;
  /** with `log`: the program's source */
  beside?: Beside;
}

/** Start a run. A second one on a socket cancels the first. A known request is answered from what is stored. */
export interface Run {
  type: "run";
  /** version of the protocol */
  v: 1;
  /** what to run */
  request: Request;
  /** id of a run that this one replaces: it is cancelled if nobody watches it (its connection was lost) */
  instead?: string;
}

/** Ask for steps. Answered by the `steps` messages (whole chunks) that hold them as far as they exist, or by one without steps. */
export interface Window {
  type: "window";
  /** whose steps */
  stage: "verify" | "run";
  /** number of the run, for stage `run` */
  run?: number;
  /** the first step */
  from: number;
  /** one past the last step; at most 1024 after `from` */
  to: number;
}

/** Ask for items of a list of which a stage's message holds only the beginning (its `more` names them). Answered by the `part` messages (whole ones) that hold them as far as they exist, with one without items where they end before `to`. */
export interface PartRequest {
  type: "part";
  /** which list */
  list: "insns" | "listing" | "log" | "paths" | "prunings" | "arrivals" | "precision" | "holdings" | "tree";
  /** the first item */
  from: number;
  /** one past the last item; at most 1024 after `from` */
  to: number;
}

/** Ask for the whole log of a walk whose `verify` message has `log_more`. Answered by `log`. */
export interface LogRequest {
  type: "log";
}

/** Ask how a register or slot got the value it has at a step, and which steps read and write it. Answered by `value`. */
export interface ValueRequest {
  type: "value";
  /** whose step */
  stage?: "verify" | "run";
  /** number of the run: for stage `verify` the one whose values stand beside */
  run?: number;
  /** the step */
  step: number;
  /** `r3`, `fp-8`; in a run also `@0x…`, an address */
  name: string;
  /** number of its frame */
  frame?: number;
  /** as the step found it, not as it left it */
  before?: boolean;
  /** where the step of a run is one of a program that a tail call entered: its name; the answer is of that program's walk */
  program?: string;
}

/** Ask what branches proved that holds at a step of the walk, and at those of its path around it. Answered by `facts`. */
export interface FactsRequest {
  type: "facts";
  /** the step */
  step: number;
}

/** A reason for a search to stop at a step. */
export interface SeekStop {
  /** `insn`: the step visits one of `insns`; `line`: it comes to one of them from elsewhere, or anew; `frame`: at most `most` frames are left; `fork`: it pushed a path; `prune`: a path was pruned after it; `path`: a path forks, begins or ends there; `change`: the register or slot `name` got a value; `condition`: `text` becomes true (docs/seeking.md) */
  kind: "insn" | "line" | "frame" | "fork" | "prune" | "path" | "change" | "condition";
  /** slots of instructions, at most 65,536 */
  insns?: number[];
  /** frames */
  most?: number;
  /** `r3`, `fp-8`, `1:r3` in frame 1; in a run `r3` or a register of the machine */
  name?: string;
  /** the condition */
  text?: string;
}

/** Search for the nearest step before or after another one at which one of the stops holds. Answered by `found`. A search in the states of a long walk ends after some time and says how far it came. */
export interface Seek {
  type: "seek";
  /** the answer has the same */
  id: number;
  /** in whose steps */
  stage: "verify" | "run";
  /** number of the run, for stage `run` */
  run?: number;
  /** the step from which on is searched; itself it is no answer. -1: before the first */
  from: number;
  /** 1: later steps; -1: earlier ones */
  direction: 1 | -1;
  /** at most 64 */
  stops: SeekStop[];
}

/** Ask for the two states of a comparison: the stored one, and the one that arrived. Answered by `states`. */
export interface StatesRequest {
  type: "states";
  /** the step after which the state arrived, as `after` of prunings and arrivals; -1: the entry */
  step: number;
  /** the path that arrived */
  path: number;
  /** the step before which the other state was stored */
  checkpoint: number;
}

/** Ask for the visits of an instruction on the path of a step, with the states they found. Answered by `rounds`. */
export interface RoundsRequest {
  type: "rounds";
  /** the step */
  step: number;
  /** slot of the instruction */
  insn: number;
}

/** Ask what the object file holds. Answered by `contents`. */
export interface ContentsRequest {
  type: "contents";
  /** the program, as in `run` */
  request: Request;
}

/** Ask for the program as the verifier rewrote it. Answered by `rewritten`. */
export interface RewrittenRequest {
  type: "rewritten";
  /** the program, as in `run` */
  request: Request;
}

/** Ask for changes of a rejected C source after which the verifier accepts it. Answered by a `fix` for each, and by `fixes_done`. */
export interface FixesRequest {
  type: "fixes";
  /** the program, as in `run` */
  request: Request;
}

/** Ask for an input on which a rejected memory access goes wrong. Answered by `counterexample`. */
export interface CounterexampleRequest {
  type: "counterexample";
  /** the program, as in `run` */
  request: Request;
}

/** Ask real kernels about the program, as each of several compilers makes it. Answered by `kernels`, a `cell` for each kernel and compiler, `emulated`, a `fix_tried` for each fix, and `cells_done`. */
export interface MatrixRequest {
  type: "matrix";
  /** the program, as in `run` */
  request: Request;
  /** `new`: ask anew, also if there is a stored answer; `stored`: only tell the stored answer */
  take?: "any" | "new" | "stored";
  /** which, by series; `[]`: all */
  kernels?: string[];
  /** major versions of clang, `""`: the usual one; `[]`: only that */
  clangs?: string[];
  /** `[]`: that of the request */
  mcpus?: ("v1" | "v2" | "v3" | "v4")[];
  /** `[]`: that of the request */
  opts?: ("O0" | "O1" | "O2")[];
}

/** An entry that a map has before the programs are attached. Key and value as C writes them, or `hex:` and bytes. */
export interface MapEntryGiven {
  /** the map's name */
  map: string;
  key: string;
  value: string;
}

/** What is changed before the object runs on a real kernel (docs/kernels.md). The message `setup` tells what can be. Values are written as in C: a number, an enumerator, `"text"`, `{1, 2}`, `{.pid = 7}`; or `hex:` and all bytes. */
export interface SetupGiven {
  /** initial values of global variables by name, of .rodata, .data and .bss */
  values?: Record<string, string>;
  /** `max_entries` by map */
  sizes?: Record<string, number>;
  /** written between loading and attaching */
  entries?: MapEntryGiven[];
  /** by program: what it is attached to instead of what its section names; of XDP and tc programs a device, `veth0` or `lo` */
  targets?: Record<string, string>;
}

/** Run the object's programs on a real kernel, with a workload. Answered by `real`, by what happens as it happens, and by `real_done`. */
export interface RealRequest {
  type: "real";
  /** the program, as in `run` */
  request: Request;
  /** `new`: ask anew, also if there is a stored answer; `stored`: only tell the stored answer */
  take?: "any" | "new" | "stored";
  /** which, its series; `""`: the emulated one, else the newest */
  kernel?: string;
  /** what runs meanwhile */
  workload?: "shell" | "files" | "network" | "scheduler";
  /** a line for busybox's shell, instead of a workload */
  shell?: string;
  /** after which the workload is stopped */
  seconds?: number;
  /** what is changed before */
  setup?: SetupGiven;
}

/** Ask what can be changed before the object runs on a real kernel. Answered by `setup`. */
export interface SetupRequest {
  type: "setup";
  /** the program, as in `run` */
  request: Request;
}

/** Have the object's programs attached in a real kernel and recorded while a workload runs. Answered by an `event_recorded` for each event, and by `recording`. */
export interface RecordRequest {
  type: "record";
  /** the program, as in `run` */
  request: Request;
  /** `new`: ask anew, also if there is a stored answer; `stored`: only tell the stored answer */
  take?: "any" | "new" | "stored";
  /** which, its series; `""`: the emulated one, else the newest */
  kernel?: string;
  /** what runs meanwhile */
  workload?: "shell" | "files" | "network" | "scheduler";
  /** a line for busybox's shell, instead of a workload */
  shell?: string;
  /** after which the workload is stopped */
  seconds?: number;
  /** what is changed before */
  setup?: SetupGiven;
  /** of each program, at most */
  events?: number;
  /** each so-many-th of the events that the others admit */
  every?: number;
  /** only events of tasks of this name or process id */
  task?: string;
  /** only events that meet it: `pid == 42`, `counts[3] > 5` */
  where?: string;
}

/** Ask for the files that the stages made. Answered by `binaries`. */
export interface BinariesRequest {
  type: "binaries";
  /** the program, as in `run` */
  request: Request;
}

/** Ask what the verifier's walk costs and where. Answered by `profile`. */
export interface ProfileRequest {
  type: "profile";
  /** the program, as in `run` */
  request: Request;
}

/** Ask for changes of a C source with which the verifier's walk is shorter. Answered by an `advice` for each, and by `advice_done`. */
export interface AdviceRequest {
  type: "advice";
  /** the program, as in `run` */
  request: Request;
}

/** Ask what the walk costs with other values of `const volatile` variables. Answered by a `setting` for each combination of values, at most 64, and by `settings_done`. */
export interface SettingsRequest {
  type: "settings";
  /** the program, as in `run` */
  request: Request;
  /** values by variable, as C writes them */
  values: Record<string, string[]>;
}

/** Ask how another program, or the same one with other options, differs for the verifier. Answered by `compare`. */
export interface CompareRequest {
  type: "compare";
  /** the program, as in `run` */
  request: Request;
  /** the other side, as in `run` */
  other: Request;
}

/** Ask for the control-flow graph of the chosen program. Answered by `graph`. */
export interface GraphRequest {
  type: "graph";
  /** the program, as in `run` */
  request: Request;
}

/** Ask for the smallest source that the verifier refuses for the same reason (docs/fixes.md). Answered by a `smaller` for the smallest one so far, at most two in a second, and by `reduced`. */
export interface ReduceRequest {
  type: "reduce";
  /** the program, as in `run` */
  request: Request;
}

/** Stop a question about a program. Answered by an `error` with the code `analysis` if it was not answered yet. */
export interface Stop {
  type: "stop";
  /** the type of the message that asked */
  asked: string;
}

/** Go on after a lost connection, on a new socket; for a run that still goes on, within 20 s. All its messages are sent again, then it goes on. */
export interface Resume {
  type: "resume";
  /** the id that `accepted` gave */
  run: string;
  /** the client has all messages up to `done`: of a run that has ended only `accepted` is sent */
  whole?: boolean;
}

/** Stop the run. Answered by `done` with `cancelled: true`. */
export interface Cancel {
  type: "cancel";
}

/** What confines the workers. */
export interface Sandbox {
  /** layers */
  active: string[];
  /** [layer, why it is missing] */
  missing: [string, string][];
}

/** What a request may hold, in bytes, and steps of a window and of a chunk. */
export interface Limits {
  source_bytes: number;
  /** of all files beside a source */
  files_bytes: number;
  /** files beside a source */
  files: number;
  /** of an object file in a message or a link */
  elf_bytes: number;
  /** of an object file that is uploaded */
  object_bytes: number;
  /** of a log that is pasted */
  log_bytes: number;
  /** of a log that a link carries */
  shared_log_bytes: number;
  /** of a log that is uploaded */
  upload_bytes: number;
  /** of a capture in a message or a link */
  pcap_bytes: number;
  /** of a capture that is uploaded */
  capture_bytes: number;
  packet_bytes: number;
  /** of one message of a client; what does not fit is uploaded */
  message_bytes: number;
  window: number;
  chunk: number;
  /** milliseconds after which a search in states says how far it came */
  seek_ms: number;
}

/** The first message on every socket. */
export interface Hello {
  type: "hello";
  /** version of the protocol */
  v: number;
  /** `""` until the first worker is up */
  compiler: string;
  /** release of the emulated kernel; `""` until the first worker is up */
  kernel: string;
  /** null until the first worker is up */
  sandbox: Sandbox | null;
  limits: Limits;
}

/** The run exists. */
export interface Accepted {
  type: "accepted";
  /** its id, for `resume` */
  run: string;
}

/** The run waits for a worker. Sent again when the position changes. */
export interface Queued {
  type: "queued";
  /** how many runs wait, up to and with this one */
  position: number;
  /** seconds it will still wait, as far as can be told */
  expected?: number;
}

/** How many steps there are by now. */
export interface Progress {
  type: "progress";
  stage: "verify" | "run";
  /** number of the run; 0 for `verify` */
  run: number;
  total: number;
}

/** The whole log of the verifier, maybe cut in the middle; as the fields of the same names in `verify`. */
export interface Log {
  type: "log";
  log: string;
  /** bytes left out */
  log_cut: number;
  /** [line of the log from 0, step] */
  log_steps: [number, number][];
}

/** What is known of a number, or of the variable part of an offset. Fields in text can exceed 2^53. */
export interface Scalar {
  /** smallest value, unsigned 64 bits, decimal */
  umin: string;
  /** largest value, unsigned */
  umax: string;
  /** smallest value, signed */
  smin: string;
  /** largest value, signed */
  smax: string;
  /** `var_off`: the bits that are known, hex */
  value: string;
  /** `var_off`: the bits that are unknown, hex */
  mask: string;
  /** the same of the lower 32 bits */
  u32min: number;
  u32max: number;
  s32min: number;
  s32max: number;
}

/** A register or stack slot as the verifier sees it. */
export interface Reg {
  /** kind: `number`, `ctx`, `packet`, `packet_end`, `packet_meta`, `map_value`, `map`, `stack`, `kernel`, `memory`, `func` or `none` */
  k: string;
  /** as the kernel's log prints it */
  t: string;
  /** true: it may be NULL */
  null?: boolean;
  /** true: it is marked precise */
  p?: boolean;
  /** the step that wrote it; -1: it was there at the entry. Absent in `set`: this step wrote it */
  w?: number;
  /** for numbers and variable offsets */
  s?: Scalar;
  /** constant part of a pointer's offset, if not 0 */
  off?: number;
  /** bytes of the packet known to be there */
  range?: number;
  /** registers with the same id have the same value or origin */
  id?: number;
  /** id of the reference it holds */
  ref?: number;
  /** name of the map */
  map?: string;
  /** bytes of the memory pointed to */
  size?: number;
}

/** A step that made the value, or told something about it. */
export interface ValueEvent {
  /** of the walk; -1: it was there at the entry */
  step: number;
  /** the instruction's slot; -1 with step -1 */
  insn: number;
  /** the register or slot that the step wrote or told about */
  name: string;
  /** as of the causes of a rejection: `entry`, `value`, `load`, `call`, `argument`, `move`, `spill`, `fill`, `arithmetic`, `branch`, `clobbered`; or `narrowed`: not told by a jump; of a log also `written` */
  kind: string;
  /** in words; `""` where the instruction says it all */
  why: string;
  /** copies on the way from the event before it, the nearest first */
  via: string[];
  /** the value before, where this one changed */
  was: Reg | null;
  /** the value after */
  now: Reg | null;
  /** step of the run that took it; null if there is none */
  at: number | null;
  /** what `name` held then, hex; null if that is not known */
  concrete: string | null;
}

/** What the register or slot held in a run. */
export interface Concrete {
  /** hex */
  value: string;
  /** step of the run */
  at: number;
  /** how many steps of the run the step of the walk covers, as far as was looked at */
  times: number;
}

/** How a register or slot got its value, and who reads and writes it. */
export interface Value {
  type: "value";
  /** as asked */
  stage: "verify" | "run";
  /** as asked */
  run: number;
  /** as asked */
  step: number;
  /** as asked */
  name: string;
  /** as asked */
  frame: number;
  /** the step of the walk whose state is told; null if there is none */
  walk_step: number | null;
  /** the value; null: it holds nothing */
  reg: Reg | null;
  /** step of the walk that wrote it; -1: it was there at the entry, or is not known */
  writer: number;
  /** what made the value, oldest first, copies folded */
  events: ValueEvent[];
  /** `events` leaves out earlier rounds of a loop, or of branches */
  repeated: boolean;
  /** `events` does not go back to the beginning */
  cut: boolean;
  /** steps of `stage` that write it, on the path of `step`; at most 2,000 */
  writes: number[];
  /** steps of `stage` that read it */
  reads: number[];
  /** of the steps that were looked at for these */
  first: number;
  last: number;
  /** there is nothing to look at before `first` */
  begun: boolean;
  /** there is nothing to look at after `last` */
  ended: boolean;
  /** what it held in the run; null if that is not known */
  concrete: Concrete | null;
  /** the program that a tail call entered, whose walk is told; slots are counted as those of `entered`. Absent: the program of the run */
  program?: string;
  /** why nothing of that walk is told, a sentence */
  why_not?: string;
}

/** A fact that a branch proved. */
export interface ProvedFact {
  /** the branch */
  insn: number;
  /** its line */
  line: number;
  /** `≥ 14 B` (of packet), `idx < 64`, `v ≠ NULL`, … */
  text: string;
  /** the step that proved it */
  first: number;
  /** the last step at which it holds; null: it holds on */
  last: number | null;
  /** `last` ends it; else a stronger fact of the same line takes its place */
  lost: boolean;
}

/** What branches proved, for steps of one path. */
export interface ProvedFacts {
  type: "facts";
  /** as asked */
  step: number;
  /** the answer holds for the steps from here … */
  first: number;
  /** … to here */
  last: number;
  facts: ProvedFact[];
  /** facts from far back may be missing */
  cut: boolean;
}

/** What is wrong with a condition. */
export interface StopProblem {
  /** number of the stop, from 0 */
  stop: number;
  /** where, from 1 */
  column: number;
  /** a sentence */
  message: string;
}

/** What a search found. */
export interface Found {
  type: "found";
  /** as in `seek` */
  id: number;
  /** the nearest step; null: none as far as the search came */
  step: number | null;
  /** number of the stop that holds there, from 0 */
  stop: number | null;
  /** the step up to which was searched: a search from there on continues this one */
  at: number;
  /** whether there are steps beyond `at` that were not searched yet */
  more: boolean;
  /** conditions that are none; they never hold */
  problems: StopProblem[];
}

/** A stored state, and one that arrived at the same instruction; all live registers and stack slots by name. */
export interface ComparedStates {
  type: "states";
  /** as asked */
  step: number;
  /** as asked */
  path: number;
  /** as asked */
  checkpoint: number;
  /** the instruction before which the states were compared */
  insn: number;
  stored: Record<string, Reg>;
  arrived: Record<string, Reg>;
}

/** A visit of the instruction with which each round begins. */
export interface LoopRound {
  step: number;
  path: number;
  /** number of its frame */
  frame: number;
  /** registers and slots that have another value than in the round before */
  set: Record<string, Reg>;
  /** those that hold nothing any more */
  gone: string[];
}

/** The visits of an instruction on the path of a step: at most 160 up to the step and 40 after it. */
export interface LoopRounds {
  type: "rounds";
  /** as asked */
  step: number;
  /** as asked */
  insn: number;
  /** in order; the first has all values in `set` */
  rounds: LoopRound[];
  /** there are no others before the first */
  begun: boolean;
  /** nor after the last */
  ended: boolean;
}

/** A section of the object file. */
export interface SectionEntry {
  index: number;
  name: string;
  /** as readelf names it: `PROGBITS`, `REL`, … */
  type: string;
  /** as readelf abbreviates them: `AX`, … */
  flags: string;
  /** bytes */
  size: number;
  /** what it is for, a sentence; `""` if that is not known */
  meaning: string;
}

/** A symbol of the object file. */
export interface SymbolEntry {
  name: string;
  /** name of its section; `UND`, `ABS` or `COM` if it has none */
  section: string;
  /** `FUNC`, `OBJECT`, `NOTYPE`, … */
  type: string;
  /** `GLOBAL`, `WEAK` or `LOCAL` */
  bind: string;
  /** offset in the section */
  value: number;
  /** bytes */
  size: number;
}

/** A relocation: a place that the loader fills in. */
export interface RelocEntry {
  /** where the place is */
  section: string;
  /** of the place in that section */
  offset: number;
  /** `R_BPF_64_64`, … */
  type: string;
  symbol: string;
  /** number of the instruction in the section; null outside of code */
  insn: number | null;
}

/** A type of the object's BTF. */
export interface TypeEntry {
  name: string;
  /** `struct`, `union`, `enum`, `typedef` or `function` */
  kind: string;
  /** bytes; null for a function */
  size: number | null;
  /** its declaration in C; members with their offsets and sizes in comments */
  text: string;
}

/** How many entries each list lacks, because there are too many. */
export interface LeftOut {
  sections: number;
  symbols: number;
  relocations: number;
  types: number;
}

/** What the object file holds. */
export interface Contents {
  type: "contents";
  /** of the file; 0 for a program that comes from no object file */
  bytes: number;
  sections: SectionEntry[];
  symbols: SymbolEntry[];
  relocations: RelocEntry[];
  types: TypeEntry[];
  left_out: LeftOut;
}

/** An instruction of the rewritten program. */
export interface RewrittenEntry {
  /** its number, as `bpftool prog dump xlated` counts */
  idx: number;
  /** the instruction of the program that it stems from */
  orig_idx: number;
  text: string;
  /** the verifier wrote another instruction than the program had there */
  changed: boolean;
}

/** An accepted program as the verifier rewrote it, before the JIT; no instructions if it was not accepted. */
export interface RewrittenProgram {
  type: "rewritten";
  insns: RewrittenEntry[];
}

/** A range of the user's source and what replaces it. Lines and columns count from 1; the end is exclusive. */
export interface Edit {
  line: number;
  column: number;
  end_line: number;
  end_column: number;
  text: string;
  /** the file beside the source that is edited */
  file?: string;
}

/** A change of the source that was compiled, and that the verifier accepts. */
export interface FoundFix {
  type: "fix";
  /** what it does, for a button */
  title: string;
  /** why it helps, a sentence */
  why: string;
  /** unified, against the source as it was sent */
  diff: string;
  edits: Edit[];
  /** what the verifier needed for the changed program */
  insns_processed: number;
}

/** The search for changes has ended. */
export interface FixesDone {
  type: "fixes_done";
  /** how many `fix` messages there were */
  found: number;
}

/** The smallest source so far that the verifier refuses for the same reason. */
export interface SmallerSource {
  type: "smaller";
  source: string;
  /** the files beside the source that it needs; the others are written into it */
  files: string[];
  /** with something in them */
  lines: number;
  /** those of the source and of its files as they were sent */
  whole: number;
  /** how many sources were compiled */
  tried: number;
  /** what the verifier says of it */
  message: string;
  /** the 1-based line at which it is refused */
  line: number | null;
}

/** The search for a smaller source has ended. */
export interface ReducedSource {
  type: "reduced";
  source: string;
  /** the files beside the source that it needs; the others are written into it */
  files: string[];
  /** with something in them */
  lines: number;
  /** those of the source and of its files as they were sent */
  whole: number;
  /** how many sources were compiled */
  tried: number;
  /** what the verifier says of it */
  message: string;
  /** the 1-based line at which it is refused */
  line: number | null;
  /** `smallest`: nothing else can be left out by itself; `time`, `tries`: the search was stopped */
  ended: "smallest" | "time" | "tries";
}

/** Where the run on the input stopped. */
export interface CounterexampleFault {
  /** the instruction */
  insn: number;
  /** what went wrong, a sentence */
  message: string;
  /** r0 to r10 there, unsigned decimal text */
  registers: string[];
}

/** Whether an input makes the rejected memory access go wrong (docs/counterexample.md). */
export interface Counterexample {
  type: "counterexample";
  /** `found`: `input` does; `none`: no input does on the path that was rejected; `unknown`: the search gave up; `other`: the rejection is about no memory access */
  status: "found" | "none" | "unknown" | "other";
  /** a sentence or two; `""` for `other` */
  why: string;
  /** JSON text of an input of kind `given` */
  input: string | null;
  fault: CounterexampleFault | null;
  /** for `none`: what the verifier no longer knew, `""` if that was not found */
  forgotten: string;
}

/** A real kernel that this server has. */
export interface KernelName {
  /** its series: `7.3` */
  name: string;
  /** what `uname -r` prints */
  release: string;
}

/** The real kernels that are asked; a `cell` for each follows. */
export interface Kernels {
  type: "kernels";
  kernels: KernelName[];
  /** major versions of clang that there are beside the usual one */
  compilers: string[];
  /** what this server lacks to ask any, a sentence for its operator; `""`: nothing */
  missing: string;
}

/** What one kernel said of the program. */
export interface KernelCell {
  program: string;
  /** its series */
  kernel: string;
  release: string;
  /** what compiled the source; `""` for other kinds */
  clang: string;
  mcpu: string;
  opt: string;
  /** `error`: refused before the verifier, by libbpf's rules or the kernel; `limit`: no answer within the limits, or the kernel crashed */
  verdict: "accept" | "reject" | "error" | "limit";
  /** negative; 0 if accepted, or not known */
  errno: number;
  insns_processed: number;
  /** checkpoints that the verifier stored (`total_states`); -1: not known */
  states: number;
  /** the verifier's last words, or why there is no verdict */
  message: string;
  /** the log, of level 2 with one compiler, else of level 1 */
  log: string;
  /** what Linux 7.3 says beside the message of a rejected program, line by line; of the emulation, its own explanation; else `[]` */
  diagnosis: string[];
  /** the same text for the same instructions as they were loaded; `""`: none were */
  code: string;
  type: "cell";
}

/** The emulation held against the real kernel of its own release. */
export interface HeldAgainst {
  /** its series */
  kernel: string;
  release: string;
  /** what differs; `""`: they are identical */
  where: "" | "verdict" | "errno" | "insns_processed" | "log";
  /** of the logs, from 0, where they part; -1 */
  line: number;
  ours: string;
  theirs: string;
}

/** What the emulation said, `kernel` is `emulated`. */
export interface EmulatedCell {
  program: string;
  /** its series */
  kernel: string;
  release: string;
  /** what compiled the source; `""` for other kinds */
  clang: string;
  mcpu: string;
  opt: string;
  /** `error`: refused before the verifier, by libbpf's rules or the kernel; `limit`: no answer within the limits, or the kernel crashed */
  verdict: "accept" | "reject" | "error" | "limit";
  /** negative; 0 if accepted, or not known */
  errno: number;
  insns_processed: number;
  /** checkpoints that the verifier stored (`total_states`); -1: not known */
  states: number;
  /** the verifier's last words, or why there is no verdict */
  message: string;
  /** the log, of level 2 with one compiler, else of level 1 */
  log: string;
  /** what Linux 7.3 says beside the message of a rejected program, line by line; of the emulation, its own explanation; else `[]` */
  diagnosis: string[];
  /** the same text for the same instructions as they were loaded; `""`: none were */
  code: string;
  type: "emulated";
  /** null: that kernel is not there, or one of the two has no verdict */
  verified: HeldAgainst | null;
}

/** A verdict in short. */
export interface KernelVerdict {
  /** its series */
  kernel: string;
  verdict: string;
  message: string;
}

/** What the kernels said of the program after a change that the emulation accepts (docs/fixes.md). */
export interface FixTried {
  type: "fix_tried";
  title: string;
  diff: string;
  kernels: KernelVerdict[];
}

/** The likely cause of a kernel's verdict being another than that of the next older one (docs/verifier-changes). */
export interface Changed {
  /** the newer of the two, its series */
  kernel: string;
  /** `""`: the catalogue has no entry that fits */
  id: string;
  /** what a user sees, in a sentence */
  title: string;
  /** of Linux; `""` where no source says it */
  commit: string;
}

/** What the program needs by name and a kernel does not have. */
export interface Lacking {
  /** its series */
  kernel: string;
  /** sentences */
  needs: string[];
}

/** All kernels have answered. */
export interface CellsDone {
  type: "cells_done";
  /** how many `cell` messages there were */
  asked: number;
  /** between neighbouring kernels, of the first compiler */
  changes: Changed[];
  lacking: Lacking[];
}

/** A run on a real kernel begins. `real_packet`, `real_attached`, `real_output`, `real_map` and `real_done` follow. Where there is no kernel, `real_done` follows. */
export interface RealBegun {
  type: "real";
  /** those that this server has */
  kernels: KernelName[];
  /** what this server lacks, a sentence for its operator; `""`: nothing */
  missing: string;
  /** the one that is used, its series; `""`: none */
  kernel: string;
  /** what `uname -r` prints there */
  release: string;
  /** names of the workloads that there are */
  workloads: string[];
}

/** What the emulated machine made of the same packet. */
export interface Emulated {
  retval: number;
  /** in hex; the first 4,096 bytes */
  out: string;
  /** why it stopped; `""`: it did not */
  fault: string;
  /** whether value and packet are those of the kernel */
  same: boolean;
}

/** What the kernel made of a single packet, by BPF_PROG_TEST_RUN. */
export interface RealPacket {
  type: "real_packet";
  /** of the packet, from 0 */
  number: number;
  /** negative: why it was not run */
  errno: number;
  /** what the program returned, 32 bits */
  retval: number;
  /** in hex; the first 4,096 bytes */
  out: string;
  /** bytes of the packet as the program left it */
  size: number;
  /** null: the emulated machine did not run the program */
  ours: Emulated | null;
}

/** Whether a program of the object is attached. */
export interface RealAttached {
  type: "real_attached";
  program: string;
  ok: boolean;
  /** why it is not */
  why: string;
  /** the network device, route or map that it is attached to; `""`: none of these */
  device: string;
}

/** What a program put out. */
export interface RealLine {
  /** `printk`: a line of trace_pipe; `shell`: of what the workload wrote; `record`: of a ring or perf buffer, or an iterator's text */
  kind: "printk" | "shell" | "record";
  /** name of the buffer or iterator */
  source: string;
  /** as text, decoded through BTF; `""`: nothing says how */
  text: string;
  /** in hex; the first 4,096 bytes */
  bytes: string;
  /** bytes of the record */
  size: number;
}

/** What came since the last such message. */
export interface RealOutput {
  type: "real_output";
  /** milliseconds since the question was taken up */
  ms: number;
  lines: RealLine[];
}

/** An entry of a map. The texts are decoded through BTF, `""` without. */
export interface RealEntry {
  /** in hex */
  key: string;
  /** in hex; the first 4,096 bytes */
  value: string;
  key_text: string;
  value_text: string;
}

/** A count. */
export interface Bar {
  label: string;
  count: number;
}

/** Counts that are best drawn. */
export interface Bars {
  /** key and field of the entry that has them; `""`: they are the entries */
  title: string;
  bars: Bar[];
}

/** What a map holds now. Told while the workload runs where it changed, and at the end. */
export interface RealMap {
  type: "real_map";
  map: string;
  /** the first 256 */
  entries: RealEntry[];
  /** whether these are all */
  whole: boolean;
  bars: Bars[];
}

/** The run on a real kernel is over. */
export interface RealDone {
  type: "real_done";
  /** exit status of the workload; null: it was stopped, or did not start */
  status: number | null;
  /** records that the kernel counted as lost */
  lost: number;
  /** records, and bytes of printed text, that are not told: too many */
  left_out: [number, number];
  /** why the run was ended before its time, a sentence; `""`: it was not */
  stopped: string;
  /** milliseconds since the question was taken up */
  ms: number;
}

/** A global variable that can have another value. */
export interface SetVariable {
  name: string;
  /** `.rodata`, `.data` or `.bss` */
  section: string;
  /** C text */
  type: string;
  /** that it has, as C text */
  value: string;
}

/** A map that can have another size. */
export interface SetMap {
  name: string;
  /** as bpftool names it; `""` if it cannot be given entries */
  type: string;
  /** its keys' type, C text or their size */
  key: string;
  /** its values' type, C text or their size */
  value: string;
  max_entries: number;
  /** whether it can be given entries */
  filled: boolean;
}

/** A program that can be attached to something else. */
export interface SetTarget {
  program: string;
  section: string;
  /** what it is attached to */
  target: string;
  /** the network devices that there are; `[]`: it is attached to something else */
  devices: string[];
}

/** What can be changed before the object runs on a real kernel. */
export interface Setup {
  type: "setup";
  variables: SetVariable[];
  maps: SetMap[];
  programs: SetTarget[];
}

/** An event of a program was recorded in a real kernel. */
export interface EventRecorded {
  type: "event_recorded";
  program: string;
  /** the name and process id of the task that was running */
  task: string;
  /** machine instructions */
  insns: number;
  /** that recording it took */
  ms: number;
}

/** The recording is made, or nothing was recorded. Without a kernel it is the only message. */
export interface RecordingMade {
  type: "recording";
  /** what `uname -r` prints there */
  kernel: string;
  events: number;
  /** the file, for an input of kind `recording`; `""`: there was no event */
  base64: string;
  /** what it leaves out, and which programs were not attached */
  notes: string[];
  /** what this server lacks, a sentence for its operator; `""`: nothing */
  missing: string;
}

/** The files that the stages made, as base64; null for what there is not. */
export interface Binaries {
  type: "binaries";
  /** name of the program that `xlated` and `image` are of */
  program: string;
  /** the ELF object file */
  object: string | null;
  /** the rewritten instructions, as `bpftool prog dump xlated file` writes them */
  xlated: string | null;
  /** the machine code, as `bpftool prog dump jited file` writes it */
  image: string | null;
}

/** What a line of the source costs. */
export interface LineCost {
  /** `""`: the source itself; else the header */
  file: string;
  /** null: no line information */
  line: number | null;
  /** visits of its instructions */
  insns: number;
  /** checkpoints that were stored */
  states: number;
  /** visits at which a checkpoint covered the state */
  pruned: number;
  /** comparisons with a checkpoint that failed */
  missed: number;
}

/** What a function costs. */
export interface FunctionCost {
  name: string;
  /** its first instruction */
  insn: number;
  line: number | null;
  /** how often it was entered */
  calls: number;
  /** visits of its own instructions */
  insns: number;
  /** with those of what it called */
  total: number;
  /** a global function: walked once, for any arguments */
  alone: boolean;
}

/** What a loop costs. */
export interface LoopCost {
  /** `callback`: a helper calls the function again and again, at `insn` */
  kind: "loop" | "callback";
  /** where each round begins */
  insn: number;
  line: number | null;
  /** how often the walk came there, on all paths together */
  rounds: number;
  /** visits in all rounds, with those of what was called */
  insns: number;
  /** checkpoints that were stored */
  states: number;
  /** visits at which a checkpoint covered the state */
  pruned: number;
  /** what kept most states from being covered; `""`: nothing did */
  why_not_pruned: string;
}

/** Comparisons at one instruction that failed for the same reason. */
export interface MissCost {
  insn: number;
  line: number | null;
  /** the register or slot that differed; `""`: something else */
  name: string;
  /** how many */
  failed: number;
  /** how often the walk came there and at least one failed */
  arrivals: number;
  /** different values of `name` */
  values: number;
  /** false: `arrivals` and `values` are at least so many */
  whole: boolean;
  /** how the states were compared, as in `prunings` */
  rule: string;
  /** a sentence without a full stop */
  text: string;
  /** the instruction that needs the value exactly; null: none does */
  needed_by: number | null;
  /** why it does, a sentence without a full stop */
  needed: string;
}

/** A `const volatile` variable that holds a number. */
export interface ConstantEntry {
  name: string;
  type: string;
  /** as C writes it */
  value: string;
  /** of its type, decimal text */
  least: string;
  most: string;
  /** names of values: enumerators, `true`, `false` */
  words: string[];
}

/** What the walk of a program costs and where. Of `lines` and of `insns` the numbers add up exactly. */
export interface WalkProfile {
  type: "profile";
  program: string;
  verdict: "accept" | "reject" | "error";
  message: string;
  insns_processed: number;
  /** checkpoints that were stored */
  states: number;
  /** visits at which a checkpoint covered the state */
  pruned: number;
  /** comparisons with a checkpoint that failed */
  missed: number;
  /** the dearest first */
  lines: LineCost[];
  /** [instruction, visits, states, pruned, missed] */
  insns: [number, number, number, number, number][];
  /** the dearest first */
  functions: FunctionCost[];
  /** the dearest first */
  loops: LoopCost[];
  /** the most frequent first */
  misses: MissCost[];
  /** what `settings` can set */
  constants: ConstantEntry[];
}

/** A change of the source with which the walk is shorter: it was compiled and verified. */
export interface FoundAdvice {
  type: "advice";
  /** what it does, for a button */
  title: string;
  /** why it helps, a sentence */
  why: string;
  /** unified, against the source as it was sent */
  diff: string;
  edits: Edit[];
  /** what the verifier needed without the change */
  before: number;
  /** what it needs with it */
  insns_processed: number;
}

/** The search for advice has ended. */
export interface AdviceDone {
  type: "advice_done";
  /** how many `advice` messages there were */
  found: number;
}

/** One combination of values and what the verifier says of the program with it. */
export interface TriedSetting {
  type: "setting";
  /** by variable, as they were sent */
  values: Record<string, string>;
  verdict: "accept" | "reject" | "error";
  errno: number;
  message: string;
  insns_processed: number;
  /** checkpoints that were stored */
  states: number;
  /** instructions after rewriting; null: not accepted */
  xlated: number | null;
  /** bytes of machine code; null: not accepted */
  jited: number | null;
}

/** All combinations were verified, or a limit was hit. */
export interface SettingsDone {
  type: "settings_done";
  /** why there are no more, a sentence; `""`: there are all */
  message: string;
}

/** What the verifier says of one side. */
export interface SideSummary {
  name: string;
  verdict: "accept" | "reject" | "error";
  errno: number;
  message: string;
  insns_processed: number;
  /** checkpoints that were stored */
  states: number;
  /** instructions as they were loaded */
  insns: number;
  /** after rewriting; null: not accepted */
  xlated: number | null;
  /** bytes of machine code; null: not accepted */
  jited: number | null;
}

/** A line on one side. */
export interface LineSide {
  line: number | null;
  text: string;
  /** visits of its instructions */
  insns: number;
  /** checkpoints that were stored */
  states: number;
}

/** A line of both sources. */
export interface ComparedLine {
  /** `a`, `b`: only that source has it */
  kind: "same" | "changed" | "a" | "b";
  /** `""`: the source itself; else the header */
  file: string;
  a: LineSide;
  b: LineSide;
  /** [instruction of a, of b, visits in a, in b]; null: no counterpart */
  insns: ([number | null, number | null, number, number])[];
}

/** The first step at which two walks part. */
export interface WalksPart {
  /** `insn`: another instruction stands there; `value`: the same instruction leaves another value; `path`: they go on with different instructions; `pruned`: one ends a path there; `end`: one walk is over */
  kind: "none" | "insn" | "value" | "path" | "pruned" | "end";
  /** steps that both took before */
  agreed: number;
  a_step: number | null;
  b_step: number | null;
  a_insn: number | null;
  b_insn: number | null;
  /** with `value`: the register or slot */
  name: string;
  /** the value or instruction */
  a: string;
  b: string;
  /** a sentence */
  why: string;
}

/** A program (a) and another one, or the same with other options (b). */
export interface WalksCompared {
  type: "compare";
  program: string;
  a: SideSummary | null;
  b: SideSummary | null;
  lines: ComparedLine[];
  /** lines that are not in `lines` */
  left_out: number;
  parting: WalksPart | null;
  /** where they go different ways, if instructions differ before */
  ways: WalksPart | null;
}

/** A function of the program. */
export interface GraphFunction {
  /** `""`: the object names none */
  name: string;
  /** slot of its first instruction */
  insn: number;
  line: number | null;
  /** number of its first block */
  first: number;
  /** of its last one */
  last: number;
  /** instructions that call it or pass it as a callback, at most 100 */
  calls: number[];
}

/** A loop: an instruction and all from where the program goes back to it; or a function that is called back. */
export interface GraphLoop {
  /** `callback`: a helper calls the function, mostly again and again */
  kind: "loop" | "callback";
  /** slot of the instruction with which each round begins */
  insn: number;
  line: number | null;
  /** [first, last] slots of its instructions */
  ranges: [number, number][];
}

/** The control-flow graph of the chosen program, as it was loaded. */
export interface Graph {
  type: "graph";
  program: string;
  functions: GraphFunction[];
  /** [first, last] slot of each basic block, in order */
  blocks: [number, number][];
  /** [from block, to block, `next`: without a jump, `jump`, `taken` or `not` taken of a condition; closes a loop] */
  edges: ([number, number, "next" | "jump" | "taken" | "not", boolean])[];
  loops: GraphLoop[];
  /** blocks that are not told, because there are too many */
  left_out: number;
}

/** What a helper did or printed. */
export interface Event {
  run: number;
  step: number;
  /** `printk`, `perf`, `ringbuf`, `redirect`, `adjust` or `tail_call`; `call` of a helper, in a recording */
  kind: string;
  text: string;
  /** bytes of the output */
  hex: string;
  /** a record by the only structure of the program that has its size, else the strings in it */
  decoded: string;
}

/** A named part of memory. */
export interface Region {
  name: string;
  /** hex */
  address: string;
  /** bytes */
  size: number;
}

/** A program that a recording was made of. */
export interface RecordedProgram {
  name: string;
  /** that were recorded */
  events: number;
}

/** A field of a struct. A field without a name is a struct or union whose members follow. */
export interface StructRow {
  /** how many structs it lies in */
  depth: number;
  name: string;
  /** C text */
  type: string;
  /** bytes, in the whole struct */
  offset: number;
  /** bytes */
  size: number;
  /** of a bit-field; else 0 */
  bits: number;
  /** whether the rows that follow with a greater depth are its members */
  holds: boolean;
}

/** The fields of structs in memory; those of structs that the recording holds nothing of are left out. */
export interface StructLayout {
  rows: StructRow[];
}

/** What a field holds from a step on. */
export interface StructValue {
  /** number of the field in the layout */
  row: number;
  /** -1: at the entry of the program */
  step: number;
  /** how it is known: read or written by the step, written by a call, read at the entry or the return */
  how: "entry" | "read" | "write" | "call" | "return";
  /** C text; in hex with `··` for bytes that are not known; `""`: nothing is */
  text: string;
}

/** A struct in the memory of a recorded event. */
export interface HeldStruct {
  run: number;
  /** as in the names of memory: `ctx`, `sock`, `value of counts` */
  name: string;
  /** C text; `""`: the arguments of the hook */
  type: string;
  /** hex */
  address: string;
  /** bytes */
  size: number;
  /** number of its layout */
  layout: number;
  values: StructValue[];
  /** of the event, whose reads and writes are in `values` */
  steps: number;
}

/** Events of which the recording holds what cannot be true: they have their steps, without calls and memory. */
export interface LackingEvents {
  /** numbers of the runs */
  events: number[];
  /** a sentence */
  why: string;
}

/** Where and how the events of a recording were recorded. */
export interface Recorded {
  /** what `uname -r` printed there */
  kernel: string;
  /** the line of shell that ran */
  workload: string;
  /** how the steps were found: `instruction`, the kernel's machine code is the one that is made here; `line`, by the kernel's line information, a step for each C line */
  matched: "instruction" | "line";
  /** of each run, the name and process id of the task */
  tasks: string[];
  /** what the recording leaves out */
  notes: string[];
  /** what the programs printed, with bpf_printk */
  printed: string[];
  /** run and step, where a register was outside what the verifier had proved */
  outside: number[][];
  /** all that were recorded together */
  programs?: RecordedProgram[];
  layouts?: StructLayout[];
  /** the context first, then by their first use */
  structs?: HeldStruct[];
  /** structs that are left out, because there are too many */
  structs_left?: number;
  /** events of which `outside`, `structs` and the stage's `events` tell so far: the message `replayed` tells more. Where `done` comes before all are told, a `limit` or an `error` before it says why, or it was cancelled; what was told stays. Absent: all */
  replayed?: number;
  /** events that cannot be told in full; absent: none */
  lacking?: LackingEvents[];
}

/** Something that a stage took or returned. */
export interface Passed {
  /** what it is: `C source`, `ELF object`, `BPF program`, `packet`, … */
  what: string;
  /** `""`: none */
  name: string;
  /** how much it is */
  size: number | null;
  /** of what `size` is the number; a `slot` is an instruction's eight bytes */
  unit: "byte" | "slot" | "instruction" | "step" | "map" | "program" | "packet" | "event" | "value";
}

/** The events of a recording that the message of `run` does not tell are replayed: the fields that this changes. Where the replay failed in the middle, `recorded` has `replayed`, and the reason follows. */
export interface Replayed {
  type: "replayed";
  /** the first 2,000 */
  events: Event[];
  /** the regions that addresses belong to */
  memory: Region[];
  recorded: Recorded;
  /** what it returned */
  returned: Passed[];
}

/** A limit was hit. */
export interface Limit {
  type: "limit";
  limit: "time" | "cpu" | "memory" | "output" | "size" | "insns";
  /** a sentence */
  message: string;
}

/** A message was refused, or a run ended early. */
export interface Error {
  type: "error";
  /** the first six: refused, nothing runs (`busy` after `queued`: it waited too long, `done` follows; `upload`: a file that the message names is no longer on the server, upload it again); `window`: the steps or the log asked for cannot be read, the run goes on; `analysis`: a question about the program cannot be answered; `crashed`, `restart` (of the server), `internal`, `input`: the run is over, `done` follows */
  code: "bad_request" | "size" | "busy" | "disk" | "unknown_run" | "upload" | "window" | "analysis" | "crashed" | "restart" | "internal" | "input";
  /** a sentence */
  message: string;
  /** type of the message that asked: with `analysis`; with `upload` for a question about a program; with `window` for `value`, `facts`, `states`, `rounds` and `seek` */
  asked?: string;
  /** with `busy`: seconds after which to try again */
  retry_after?: number;
}

/** The run is over. */
export interface Done {
  type: "done";
  /** milliseconds in the worker */
  ms: number;
  cancelled: boolean;
}

/** The full state before a step. */
export interface VerifierKeyframe {
  /** every register and slot that holds something */
  state: Record<string, Reg>;
  /** number of frames */
  depth: number;
}

/** One visit of one instruction. `set` and `del` are the difference to the step before it in the list. */
export interface VerifierStep {
  /** the instruction's slot */
  insn: number;
  /** id of the path */
  path: number;
  /** number of the current frame; names of frames above 0 are prefixed `n:` */
  frame: number;
  /** registers and slots that differ */
  set?: Record<string, Reg>;
  /** names that hold nothing any more */
  del?: string[];
  /** number of frames, where it changed */
  depth?: number;
  /** where a branch is taken up: the step after which its path forked; -1: the entry */
  prev?: number;
  /** with `prev`: the names the instruction changed */
  wrote?: string[];
  /** with `prev`: those names as the instruction found them */
  was?: Record<string, Reg>;
  /** names the instruction read */
  read?: string[];
}

/** A chunk of the verifier's steps. A window that nothing is known of has `run`, no keyframe and no steps. */
export interface VerifySteps {
  type: "steps";
  stage: "verify";
  /** 0 */
  run?: number;
  /** number of the first step */
  from: number;
  /** steps there are so far */
  total: number;
  /** the state before the first step */
  keyframe: VerifierKeyframe | null;
  steps: VerifierStep[];
}

/** Bytes that the program stored; in a recording also what it loaded and what calls wrote. */
export interface MemoryWrite {
  /** address, hex */
  addr: string;
  /** the bytes */
  hex: string;
  /** `fp-8`, `ctx+4`, `packet+14`, … */
  name: string;
  /** `load`: the instruction read them; `call`: the function wrote them */
  by?: "load" | "call";
  /** bytes that a call wrote and that are not recorded: `hex` is empty */
  missing?: number;
}

/** Registers and recent stores before a step. */
export interface MachineKeyframe {
  /** BPF registers, hex */
  regs: Record<string, string>;
  /** x86 registers, hex */
  x: Record<string, string>;
  /** the last stores, at most 256 */
  mem: MemoryWrite[];
}

/** One BPF instruction executed. Registers are those that changed. */
export interface MachineStep {
  /** the instruction's slot */
  insn: number;
  /** offset of its machine code */
  x86: number;
  /** BPF registers, hex */
  regs: Record<string, string>;
  /** x86 registers, hex; absent in the interpreter */
  x?: Record<string, string>;
  /** what it stored, or what is known by it */
  mem?: MemoryWrite[];
  /** index into the run's `events` */
  event?: number;
  /** number of the frame, if not 0 */
  frame?: number;
  /** the verifier's step that says what was known here */
  walk_step?: number;
  /** true: the state that step found, not the one it left */
  walk_before?: boolean;
  /** the frame in that state, if not 0 */
  walk_frame?: number;
  /** true: the registers of `walk_outside` are outside what the verifier had proved */
  walk_wrong?: boolean;
  /** registers of which nothing was known */
  walk_outside?: string[];
}

/** A chunk of the machine's steps. */
export interface RunSteps {
  type: "steps";
  stage: "run";
  /** number of the run, from 0 */
  run: number;
  /** number of the first step */
  from: number;
  /** steps there are so far */
  total: number;
  /** the state before the first step */
  keyframe: MachineKeyframe | null;
  steps: MachineStep[];
}

/** A stage begins. */
export interface Working {
  type: "stage";
  stage: "compile" | "load" | "verify" | "jit" | "run";
  status: "working";
}

/** A stage has nothing to do, or one before it failed. */
export interface Skipped {
  type: "stage";
  stage: "compile" | "load" | "verify" | "jit" | "run";
  status: "skipped";
  /** milliseconds since the stage began */
  ms?: number;
}

/** Something the program uses that is not emulated (docs/kernel.md names them). */
export interface NotCovered {
  /** `machine code`: the interpreter runs it; `crash`: a real kernel may stop at it */
  kind: "helper" | "kfunc" | "map" | "program type" | "context" | "machine code" | "tail call" | "crash" | "symbol" | "other";
  /** its name; `""` if it has none */
  name: string;
  /** what it is, in words */
  text: string;
}

/** What is wrong in a source, and where. Lines and columns count from 1. */
export interface Diagnostic {
  line: number;
  column: number;
  end_column: number | null;
  /** `error`, `fatal error`, `warning` or `note` */
  severity: string;
  message: string;
  /** the file beside the source that it is in */
  file?: string;
}

/** A program of the object. */
export interface ProgramEntry {
  name: string;
  section: string;
  /** `enum bpf_prog_type` */
  prog_type: number;
  /** why libbpf would not hand it to the kernel; `""` if it does */
  error: string;
}

/** A stage could not use its input. The stages after it are skipped. */
export interface Refused {
  type: "stage";
  stage: "compile" | "load" | "verify" | "jit" | "run";
  status: "failed";
  /** milliseconds since the stage began */
  ms: number;
  /** why it failed, a sentence; `""` if it did not */
  message: string;
  /** what is not emulated, in words, where that is the reason */
  not_emulated?: string[];
  /** the same with kind and name */
  not_covered?: NotCovered[];
  /** where in the source, if it is known */
  diagnostics?: Diagnostic[];
  /** of `load`: those of the object, if none is chosen */
  programs?: ProgramEntry[];
  /** the command line that does the same, with a file of the source in the current directory */
  command?: string;
}

/** An `#include` that the option `fix_includes` would add. */
export interface Missing {
  /** the name that is not declared */
  what: string;
  /** the line */
  add: string;
  /** a sentence */
  message: string;
  /** `what` is a header that is not there: the run is without it */
  absent?: true;
}

/** A change of the user's source. */
export interface Fix {
  /** what it does, for a button */
  title: string;
  edits: Edit[];
}

/** Something the user should know about the source. It stops nothing. */
export interface Remark {
  /** a sentence */
  message: string;
  /** the program it is about; `""`: the whole source */
  program: string;
  /** 1-based line of the source */
  line: number | null;
  /** what would settle it */
  fix: Fix | null;
  /** `missing`: the fix writes what `missing` lists into the source; else `""` */
  kind: string;
}

/** `compile` done, or failed with clang's diagnostics. */
export interface Compiled {
  type: "stage";
  stage: "compile";
  status: "done" | "failed";
  /** milliseconds since the stage began */
  ms: number;
  /** a few words for the stage's button */
  summary: string;
  /** why it failed, a sentence; `""` if it did not */
  message: string;
  /** `clang 22.1.8` */
  compiler: string;
  /** size of the ELF object */
  object_bytes: number;
  diagnostics: Diagnostic[];
  missing: Missing[];
  /** lines that `fix_includes` added */
  added: string[];
  remarks: Remark[];
  /** the command line that does the same, with a file of the source in the current directory */
  command?: string;
  /** what the stage took */
  took?: Passed[];
  /** what it returned */
  returned?: Passed[];
}

/** A map of the chosen program. Sizes are in bytes. */
export interface MapEntry {
  name: string;
  /** `hash`, `array`, … as bpftool names them */
  type: string;
  key_size: number;
  value_size: number;
  max_entries: number;
  /** `BPF_F_…` */
  flags: number;
}

/** An instruction of the chosen program. */
export interface Insn {
  /** its 8-byte slot */
  idx: number;
  /** `""` where a log does not carry all of it */
  hex: string;
  /** as the kernel prints it */
  text: string;
  /** 1-based line of the C source */
  line: number | null;
  /** the slot a jump goes to */
  target: number | null;
  /** 1-based column, where there is a line */
  column?: number;
  /** the line's file, where that is not the source itself */
  file?: string;
  /** on a function's first slot: its name */
  func?: string;
  /** of a call: the helper, kernel function or function that it calls */
  call?: string;
  /** of a log: the C line, where it is printed without a number */
  source?: string;
}

/** A value of an event with its C type. */
export interface EventField {
  name: string;
  type: string;
  value: string | number | string[] | Bytes;
}

/** What the chosen program is run on by default. These are example values, not recordings. */
export interface DefaultInput {
  kind: "packet" | "event" | "none";
  /** the program's section */
  hook: string;
  /** of a packet: its bytes */
  hex?: string;
  /** of an event: its name; `""`: the program's own */
  name?: string;
  /** of an event: its values, as an input takes them */
  values?: Record<string, string | number | string[] | Bytes>;
  /** the same in order, with C types */
  fields?: EventField[];
}

/** `load` done. The object is loaded whole, as `bpf_object__load()` does. */
export interface Loaded {
  type: "stage";
  stage: "load";
  status: "done";
  /** milliseconds since the stage began */
  ms: number;
  /** a few words for the stage's button */
  summary: string;
  programs: ProgramEntry[];
  /** name of the chosen program */
  program: string;
  maps: MapEntry[];
  insns: Insn[];
  /** line number: text, where the source is not the editor's (an object file) */
  lines: Record<string, string>;
  /** about the object and the chosen program */
  remarks: Remark[];
  input: DefaultInput;
  /** lists of which this message holds only the beginning: how many items `part` has of each */
  more?: Record<string, number>;
  /** with `more`: slots of the loads that take two */
  wide?: number[];
  /** with `more`: [slot, line] where the source line changes; null: from here on none is known */
  line_info?: ([number, number | null])[];
  /** with `more`: [slot, name] of each function */
  func_info?: [number, string][];
  /** with `more`: [slot, file] where the file changes; `""`: the source */
  file_info?: [number, string][];
  /** of an object: as `lines`, of its other files by their names */
  files?: Record<string, Record<string, string>>;
  /** name of the source, where the object holds numbers of its lines and no text of them */
  source_file?: string;
  /** the command line that does the same, with a file of the source in the current directory */
  command?: string;
  /** what the stage took */
  took?: Passed[];
  /** what it returned */
  returned?: Passed[];
  /** with `more`: [slot, callee] of each call */
  call_info?: [number, string][];
}

/** A step that led to the value a program was rejected for. Step and insn are -1 for what was there at the entry. */
export interface Cause {
  step: number;
  insn: number;
  line: number | null;
  /** the register or slot it is about */
  name: string;
  /** `entry`, `value`, `load`, `call`, `argument`, `move`, `spill`, `fill`, `arithmetic`, `branch`, `clobbered`, `acquired`, `loop`, `checkpoint` or `failed` */
  kind: string;
  why: string;
  /** the line's file, where that is not the source itself */
  file?: string;
}

/** A comparison as the source has it. */
export interface SourceCheck {
  line: number;
  /** the condition on one line */
  text: string;
}

/** What a rejection comes from, for programs. Its place is the comparison, call or other step of the kind. */
export interface RootCause {
  /** `missing-check`, `wrong-sign`, …: `CauseKind` in `vm/trace/root_cause.py` lists them; `none`: no rule fits */
  kind: string;
  /** -1: the place is no step */
  step: number;
  /** -1: the place is no instruction, as of a comparison that the compiler left out */
  insn: number;
  line: number | null;
  /** the comparison in the source, where the cause is one */
  source_check: SourceCheck | null;
  /** instructions to be shown beside the source line */
  insns: number[];
}

/** Why the program was rejected. */
export interface Fail {
  /** name of the rule, as `python -m vm rules` lists them */
  rule: string;
  /** `Register Type Safety`, `Memory Safety`, … as the rule's topic is called */
  category: string;
  /** the line of the log that names the reason */
  message: string;
  /** other lines of the log that belong to it */
  partners: string[];
  /** what is wrong here, a sentence; `""` where nothing more follows from the facts */
  explanation: string;
  step: number;
  /** -1: libbpf gave up the object, at no instruction */
  insn: number;
  line: number | null;
  /** `r1`, `1:fp-8` or `""` */
  reg: string;
  /** what is known of `reg`, with `w` */
  proven: Reg | null;
  /** the same as a sentence */
  proven_text: string;
  /** what would have been needed; `""` if the message says it all */
  needed: string;
  /** oldest first, the failing step last; copies of one value are one entry */
  causes: Cause[];
  /** absent of a log, whose text does not carry it */
  cause?: RootCause;
  /** the line's file, where that is not the source itself */
  file?: string;
}

/** A straight way through the program, from where it was forked to its end. */
export interface Path {
  id: number;
  /** the path it was forked from; -1: none */
  parent: number;
  /** the step after which it forked */
  push_step: number;
  first_step: number;
  last_step: number;
  /** `exit`, `safe` (pruned), `reject`, or `cut` where a log does not show it */
  end: string;
  /** the step before which the state that covers it was remembered, else -1 */
  pruned_by: number;
  /** true: only a mispredicted branch goes there */
  speculative?: boolean;
}

/** A path that ended because a checkpoint covers its state. */
export interface Pruning {
  insn: number;
  path: number;
  /** the step whose state arrived */
  after: number;
  /** the step before which the covering state was remembered */
  checkpoint: number;
  /** `done`, `open_loop`, `iterator`, `may_goto`, `callback` or `endless` (the same state again: refused) */
  rule: string;
  /** how `states_equal()` compared */
  exact: string;
  /** the rule as a sentence, without a full stop */
  text: string;
  /** [name, checkpoint's value, value that arrived, how]; how is `same`, `within` its range, or `any` number */
  compared: [string, string, string, string][];
}

/** A comparison with a checkpoint that did not cover the state. */
export interface Arrival {
  insn: number;
  path: number;
  after: number;
  checkpoint: number;
  rule: string;
  exact: string;
  /** the first register or slot that differed; `""`: none */
  name: string;
  /** why, a sentence without a full stop; a register or slot may be its first word */
  text: string;
}

/** A step at which exact values mattered, and the chain back through the instructions they came from. */
export interface Precision {
  step: number;
  insn: number;
  path: number;
  names: string[];
  /** a word */
  why: string;
  /** a sentence */
  text: string;
  /** [instruction, names precise after it]; instruction -1: given up */
  chain: [number, string[]][];
}

/** A path that gave something back. */
export interface Release {
  step: number;
  path: number;
  insn: number;
  how: string;
}

/** Something that has to be given back. */
export interface Holding {
  /** `reference`, `lock`, `rcu` or `preempt` */
  kind: string;
  /** the kernel's number of a reference or lock, else 0 */
  id: number;
  /** the function that gave it */
  by: string;
  step: number;
  insn: number;
  path: number;
  released: Release[];
  /** paths at whose rejected end it was held */
  still_held: number[];
}

/** How many there are of each; 500 of each at most are told. */
export interface ReasonsTotal {
  prunings: number;
  arrivals: number;
  precision: number;
  holdings: number;
}

/** Steps at which paths forked, and at which they ended, by how; thinned out where they lie close together. */
export interface PathMarks {
  fork: number[];
  safe: number[];
  exit: number[];
  reject: number[];
}

/** Where the walk met something that is not emulated. */
export interface Stopped {
  /** the last step */
  step: number;
  /** the instruction after it */
  insn: number;
  line: number | null;
}

/** A program whose log is in the text. */
export interface LogProgram {
  /** of the program in the text, from 0: the option `program` takes it as `#0` */
  number: number;
  /** `""` where the text does not name it */
  name: string;
  /** what the text says */
  verdict: "accept" | "reject" | "unknown";
  /** the kernel's sentence, `""`: none */
  message: string;
  insn: number | null;
  steps: number;
  /** its first line in the text, from 1 */
  line: number;
}

/** The source beside a log, verified here, and the first place where the two say different things. */
export interface Parting {
  /** the program that was verified */
  program: string;
  /** `none`: it could not be verified; `why` says why */
  verdict: "accept" | "reject" | "none";
  /** the kernel's sentence of our walk; `""`: none */
  message: string;
  /** `none`: they agree as far as the log goes; `insn`: another instruction stands there; `path`: our walk does not go there; `value`: a register or slot holds something else; `verdict`: only the end differs */
  kind: "none" | "insn" | "path" | "value" | "verdict" | "error";
  /** steps of the log that agree, on the path to its last step */
  agreed: number;
  /** the step of the log where they part */
  step: number | null;
  /** the step of our walk beside it */
  our_step: number | null;
  insn: number | null;
  /** with `value`: the register or slot, else `""` */
  name: string;
  /** what the log says there */
  log: string;
  /** what our walk says there */
  ours: string;
  /** a sentence */
  why: string;
}

/** The log that a `verify` was read from. What its text does not carry is null, `""` or empty. */
export interface ReadFrom {
  /** who printed it: `libbpf`, `ebpf-go`, `iproute2`, `bcc`, `bpftrace`, `aya`; else what carried it: `journald`, `logfmt`, `json-escaped`; `other`, `none` */
  wrapper: string;
  /** everything that carried it */
  carriers: string[];
  /** its lines run from the newest to the oldest: it was read from the end */
  newest_first: boolean;
  /** `inv`, `scalar`, `7.3`, `stats` (no instruction), `btf` (no program's log), `other` */
  format: string;
  /** the version that the text names */
  kernel_named: string | null;
  /** the first version that prints such a log */
  kernel_first: string | null;
  /** the last one */
  kernel_last: string | null;
  /** where text is missing: `start`, `middle`, `end`, `omitted` */
  cut: string[];
  /** lines that carry register state */
  states: number;
  /** the program's name */
  program: string;
  /** what the text says */
  verdict: "accept" | "reject" | "unknown";
  /** the instruction at fault */
  insn: number | null;
  /** the register at fault, `""`: none */
  reg: string;
  /** rules whose message it is; several where they share the wording */
  rules: string[];
  /** the C line at the instruction at fault */
  source: string | null;
  insns_processed: number | null;
  /** line of the text, from 1 */
  message_line: number | null;
  /** what Linux 7.3 says beside the message, line by line */
  diagnosis: string[];
  programs: LogProgram[];
  /** with a source beside the log */
  parting: Parting | null;
}

/** `verify` done or failed; or read from a log. */
export interface Verified {
  type: "stage";
  stage: "verify";
  status: "done" | "failed";
  /** milliseconds since the stage began */
  ms: number;
  /** a few words for the stage's button */
  summary: string;
  /** the line of the log that names the reason, `""` if the kernel says nothing; or libbpf's, where it gives up the object although the verifier accepts the program */
  message: string;
  /** release of the emulated kernel; of a log what it tells of its own, in words */
  kernel: string;
  /** `none`: the program uses something that is not emulated */
  verdict: "accept" | "reject" | "none";
  errno: number;
  /** how many there are */
  steps: number;
  insns_processed: number;
  /** of level 2, maybe cut in the middle; part `log` has [line, step or -1] of more of it */
  log: string;
  /** bytes left out of the log */
  log_cut: number;
  /** [line of the log from 0, step] */
  log_steps: [number, number][];
  /** instruction: number of visits */
  visits: Record<string, number>;
  fail: Fail | null;
  /** the first; at most 1,000 are told */
  paths: Path[];
  paths_total: number;
  prunings: Pruning[];
  arrivals: Arrival[];
  precision: Precision[];
  holdings: Holding[];
  reasons_total: ReasonsTotal;
  /** what is not emulated, in words; with verdict `none` */
  not_emulated: string[];
  /** the same with kind and name */
  not_covered: NotCovered[];
  /** true: `log` is cut, and the message `log` asks for the whole */
  log_more?: boolean;
  /** with part `log`: lines of `log` before the one that says what is left out */
  log_head?: number;
  /** with part `log`: [line, step] of some of its lines, in order */
  log_index?: [number, number][];
  /** lists of which this message holds only the beginning: how many items `part` has of each */
  more?: Record<string, number>;
  /** where `more` has paths */
  path_marks?: PathMarks;
  /** all paths in short, at most 60,000, in order; not of a log */
  tree?: [number, number, number, number, string, number, number, number, number, boolean][];
  /** with verdict `none` */
  stopped?: Stopped;
  /** of a request of the kind `log`: nothing was verified; `verdict` `none` means unknown */
  read_from?: ReadFrom;
  /** with `read_from`: the instructions of the whole log, where `load` did not have them all */
  insns?: Insn[];
  /** with `insns`: as in `load` */
  lines?: Record<string, string>;
  /** the command line that does the same, with a file of the source in the current directory */
  command?: string;
  /** what the stage took */
  took?: Passed[];
  /** what it returned */
  returned?: Passed[];
}

/** An x86 instruction. */
export interface MachineInsn {
  /** offset in bytes */
  off: number;
  hex: string;
  text: string;
  /** slot of the verified program's instruction it belongs to */
  insn: number;
}

/** `jit` done. */
export interface Translated {
  type: "stage";
  stage: "jit";
  status: "done";
  /** milliseconds since the stage began */
  ms: number;
  /** a few words for the stage's button */
  summary: string;
  /** size of the machine code */
  bytes: number;
  /** size of `xlated` of `binaries` */
  xlated_bytes: number;
  listing: MachineInsn[];
  /** lists of which this message holds only the beginning: how many items `part` has of each */
  more?: Record<string, number>;
  /** the command line that does the same, with a file of the source in the current directory */
  command?: string;
  /** what the stage took */
  took?: Passed[];
  /** what it returned */
  returned?: Passed[];
}

/** Why the machine stopped. */
export interface Fault {
  /** `memory`, `insns`, `time` or `helper` */
  kind: string;
  /** a sentence */
  message: string;
  insn_idx: number;
  step: number;
}

/** One run of the program on one input. */
export interface RunResult {
  /** 64 bits, hex */
  r0: string;
  /** what the hook makes of it: `XDP_DROP`, `-EACCES (-13)`, a number */
  result: string;
  /** the packet as the program left it, hex */
  packet_out: string | null;
  /** instructions executed */
  insns: number;
  /** steps recorded */
  steps: number;
  /** true: not all were recorded */
  steps_cut: boolean;
  fault: Fault | null;
}

/** A global variable. */
export interface Variable {
  name: string;
  /** C text */
  type: string;
  /** bytes, in the section */
  offset: number;
  /** bytes */
  size: number;
  /** C text */
  value: string;
}

/** A map as the last run left it. */
export interface MapContent {
  type: string;
  /** [key in hex, value in hex, value as C text or `""`], the first 256 */
  entries: [string, string, string][];
  /** entries left out */
  cut: number;
  /** the keys as C text, where they are structs or arrays */
  keys?: string[];
  /** of .data, .bss, .rodata or .kconfig with BTF */
  variables?: Variable[];
}

/** The beginning of the verifier's walk of a program that a tail call entered. */
export interface EnteredWalk {
  /** steps of the walk */
  total: number;
  keyframe: VerifierKeyframe;
  /** the first ones: 1,024 of all programs together */
  steps: VerifierStep[];
}

/** A program that a tail call entered. Slots of its instructions are counted from 16777216 times its number on. A step of this program that has `walk_step` means a step of `walk`. */
export interface Entered {
  name: string;
  insns: Insn[];
  /** its machine code */
  listing: MachineInsn[];
  /** absent: not entered, or too long */
  walk?: EnteredWalk;
}

/** `run` done, or failed in the middle of the last run. */
export interface Executed {
  type: "stage";
  stage: "run";
  status: "done" | "failed";
  /** milliseconds since the stage began */
  ms: number;
  /** a few words for the stage's button */
  summary: string;
  /** why it failed, a sentence; `""` if it did not */
  message: string;
  /** the packets, hex */
  packet_in: string[];
  /** `jit`, `interpreter`, or the kernel that was recorded */
  engine: string;
  runs: RunResult[];
  /** by name */
  maps: Record<string, MapContent>;
  /** the first 2,000 */
  events: Event[];
  /** the regions that addresses belong to */
  memory: Region[];
  /** with an input of kind `recording` */
  recorded?: Recorded;
  /** programs that tail calls enter, by their numbers from 1 */
  entered?: Entered[];
  /** the command line that does the same, with a file of the source in the current directory */
  command?: string;
  /** what the stage took */
  took?: Passed[];
  /** what it returned */
  returned?: Passed[];
}

/** Instructions of the chosen program. */
export interface InsnsPart {
  type: "part";
  list: "insns";
  /** number of the first item, from 0 */
  from: number;
  items: Insn[];
}

/** Instructions of the machine code. */
export interface ListingPart {
  type: "part";
  list: "listing";
  /** number of the first item, from 0 */
  from: number;
  items: MachineInsn[];
}

/** Lines of the verifier's log. */
export interface LogPart {
  type: "part";
  list: "log";
  /** number of the first item, from 0 */
  from: number;
  /** [line, the step it is of; -1: of the one above] */
  items: [string, number][];
}

/** Paths of the walk. */
export interface PathsPart {
  type: "part";
  list: "paths";
  /** number of the first item, from 0 */
  from: number;
  items: Path[];
}

/** Paths that a checkpoint covered. */
export interface PruningsPart {
  type: "part";
  list: "prunings";
  /** number of the first item, from 0 */
  from: number;
  items: Pruning[];
}

/** Comparisons that did not cover. */
export interface ArrivalsPart {
  type: "part";
  list: "arrivals";
  /** number of the first item, from 0 */
  from: number;
  items: Arrival[];
}

/** Steps at which exact values mattered. */
export interface PrecisionPart {
  type: "part";
  list: "precision";
  /** number of the first item, from 0 */
  from: number;
  items: Precision[];
}

/** What had to be given back. */
export interface HoldingsPart {
  type: "part";
  list: "holdings";
  /** number of the first item, from 0 */
  from: number;
  items: Holding[];
}

/** Branches of the tree of paths. */
export interface TreePart {
  type: "part";
  list: "tree";
  /** number of the first item, from 0 */
  from: number;
  items: [number, number, number, number, string, number, number, number, number, boolean][];
}

/** A register or slot of a frame. */
export interface Selected {
  /** `r3`, `fp-8`; in a run also `@0x…`, an address */
  name: string;
  /** number of its frame */
  frame?: number;
}

/** A place where stepping stops. */
export interface Breakpoint {
  kind: "line" | "insn" | "helper" | "condition";
  /** a number, a name or a condition */
  value: number | string;
  enabled: boolean;
}

/** What `matrix` was asked beside the program. */
export interface AskedMatrix {
  kernels?: string[];
  clangs?: string[];
  mcpus?: ("v1" | "v2" | "v3" | "v4")[];
  opts?: ("O0" | "O1" | "O2")[];
}

/** What `real` was asked beside the program. */
export interface AskedReal {
  kernel?: string;
  workload?: "shell" | "files" | "network" | "scheduler";
  shell?: string;
  seconds?: number;
  setup?: SetupGiven;
}

/** What real kernels were asked: a page that opens the link shows their stored answers and asks nothing anew. */
export interface AskedKernels {
  matrix?: AskedMatrix;
  real?: AskedReal;
}

/** What the panel Shape shows. */
export interface Shape {
  /** its part */
  view?: "paths" | "states" | "graph" | "loops" | "frames";
  /** the text of the search in the tree */
  find?: string;
  /** whether the tree's nodes are collapsed, but for `nodes`; else only `nodes` are */
  folded?: boolean;
  /** first steps of nodes */
  nodes?: number[];
  /** first instruction of the loop's rounds; -1: the loop around the step */
  insn?: number;
  /** the stored state that the step's is compared with; -1: the first one */
  checkpoint?: number;
}

/** What a page shows of a program. Every field may be left out. */
export interface View {
  /** whose steps */
  stage?: "verify" | "run";
  /** the selected step, from 0 */
  step?: number;
  /** number of the run, from 0, if there are several */
  packet?: number;
  /** the selected register or slot, as in steps; `""`: none */
  reg?: string;
  /** the same with its frame */
  selected?: Selected;
  /** the open panel */
  pane?: string;
  /** whether the panels are unfolded */
  dock?: boolean;
  /** how numbers are shown */
  base?: "dec" | "hex";
  /** sizes and visibility of columns and panels, as the page keeps them */
  layout?: Record<string, boolean | number | string | null | (boolean | number | string | null)[] | Record<string, boolean | number | string | null>>;
  /** at most 100 */
  breakpoints?: Breakpoint[];
  /** what real kernels were asked */
  kernels?: AskedKernels;
  /** the panel Shape */
  shape?: Shape;
}

export type ClientMessage = Run | Window | PartRequest | LogRequest | ValueRequest | FactsRequest | Seek | StatesRequest | RoundsRequest | ContentsRequest | RewrittenRequest | FixesRequest | CounterexampleRequest | MatrixRequest | RealRequest | SetupRequest | RecordRequest | BinariesRequest | ProfileRequest | AdviceRequest | SettingsRequest | CompareRequest | GraphRequest | ReduceRequest | Stop | Resume | Cancel;
export type StageMessage = Working | Skipped | Refused | Compiled | Loaded | Verified | Translated | Executed;
export type ServerMessage = StageMessage | Hello | Accepted | Queued | Progress | Log | Value | ProvedFacts | Found | ComparedStates | LoopRounds | Contents | RewrittenProgram | FoundFix | FixesDone | SmallerSource | ReducedSource | Counterexample | Kernels | KernelCell | EmulatedCell | FixTried | CellsDone | RealBegun | RealPacket | RealAttached | RealOutput | RealMap | RealDone | Setup | EventRecorded | RecordingMade | Binaries | WalkProfile | FoundAdvice | AdviceDone | TriedSetting | SettingsDone | WalksCompared | Graph | Replayed | Limit | Error | Done | VerifySteps | RunSteps | InsnsPart | ListingPart | LogPart | PathsPart | PruningsPart | ArrivalsPart | PrecisionPart | HoldingsPart | TreePart;
