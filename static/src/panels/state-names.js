/** Names of what the state column lists: registers, slots of the stack, and where the x86-64 JIT keeps each register. */

export const REGS = ["r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10"];

/** @type {Record<string, string>} */
export const X86 = {
  r0: "rax", r1: "rdi", r2: "rsi", r3: "rdx", r4: "rcx", r5: "r8",
  r6: "rbx", r7: "r13", r8: "r14", r9: "r15", r10: "rbp",
};

/** Machine registers no BPF register lives in; the mark keeps x86 r9 apart from BPF r9. */
export const SPARE = ["x:rsp", "x:r9", "x:r10", "x:r11", "x:r12"];

/** "1:fp-8" -> {frame: 1, slot: "fp-8"}. @param {string} name */
export function split(name) {
  const colon = name.indexOf(":");
  return colon < 0 ? { frame: 0, slot: name } : { frame: Number(name.slice(0, colon)), slot: name.slice(colon + 1) };
}

/** @param {string} slot */
const isSlot = (slot) => slot.startsWith("fp");
/** @param {string} slot */
const depth = (slot) => Number(slot.slice(2).split(/[^0-9-]/)[0]) || 0;

/**
 * The rows of a frame: its registers, its stack from the top down, then what outer frames keep for when it returns.
 * @param {Iterable<string>} known names that hold something
 * @param {number} frame
 * @param {(frame: number, name: string) => string} inFrame
 */
export function rowsOf(known, frame, inFrame) {
  const slots = [];
  const outer = [];
  for (const name of known) {
    const part = split(name);
    if (part.frame === frame) {
      if (isSlot(part.slot)) slots.push(name);
    } else if (part.frame < frame && (isSlot(part.slot) || /^r[6-9]$/.test(part.slot))) outer.push(name);
  }
  slots.sort((a, b) => depth(split(b).slot) - depth(split(a).slot));
  return [...REGS.map((name) => inFrame(frame, name)), ...slots, ...outer];
}
