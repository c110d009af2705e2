/** What a pasted text or a dropped file is. */

const C_WHOLE = /(^|\n)\s*(#\s*include|SEC\s*\(|char\s+\w*\s*_?license\b)/i;
const C_LIKE = /[{};]/;
const ASM = /^\s*(?:\d+:\s*)?(?:[rw]\d+\s*[-+*/%&|^<>]*=|\*\(u\d+\s*\*\)|if\s+[rw]\d+|goto\b|call\b|exit\b|mov(?:32)?\s+[rw]\d|ldx\w*|stx\w*|lock\b|;|#|\/\/|\w+:\s*$)/i;

/**
 * The kind of a pasted text, or null when it is a fragment: {kind, source, said, whole}.
 * `whole` is set when it can stand alone, and so replaces what is there.
 */
export function detect(text) {
  const trimmed = text.trim();
  if (!trimmed) return null;
  const tight = trimmed.replace(/0x|\\x|[\s,]/gi, "");
  if (/^[0-9a-f]+$/i.test(tight) && tight.length >= 16 && /\d/.test(tight))
    return { kind: "hex", source: text, said: "Taken for raw instructions in hex.", whole: tight.length % 16 === 0 };
  const lines = trimmed.split("\n").filter((line) => line.trim());
  const asm = lines.filter((line) => ASM.test(line)).length;
  if (asm === lines.length && !/[{}]/.test(trimmed))
    return { kind: "asm", source: text, said: "Taken for BPF assembly.", whole: /\bexit\b/.test(trimmed) };
  if (C_WHOLE.test(trimmed) && C_LIKE.test(trimmed))
    return { kind: "c", source: text, said: "Taken for C.", whole: /SEC\s*\(/.test(trimmed) && lines.length > 3 };
  return C_LIKE.test(trimmed) ? { kind: "c", source: text, said: "Taken for C.", whole: false } : null;
}

/** Base64 of bytes. */
export function base64(data) {
  let text = "";
  for (let i = 0; i < data.length; i += 0x8000) text += String.fromCharCode(...data.subarray(i, i + 0x8000));
  return btoa(text);
}

const PCAP = new Set(["d4c3b2a1", "a1b2c3d4", "4d3cb2a1", "a1b23c4d", "0a0d0d0a"]);

/** Read a file: an ELF object, a capture, or text. */
export async function fromFile(file, limits) {
  const most = Math.max(limits.elf_bytes ?? 1 << 20, limits.pcap_bytes ?? 0, limits.source_bytes ?? 0);
  if (file.size > most) return { error: `${file.name} has ${file.size} bytes; the limit is ${most}.` };
  const data = new Uint8Array(await file.arrayBuffer());
  const magic = [...data.subarray(0, 4)].map((b) => b.toString(16).padStart(2, "0")).join("");
  if (magic === "7f454c46")
    return { kind: "elf", source: base64(data), said: `Taken for an ELF object: ${file.name}.`, name: file.name };
  if (PCAP.has(magic)) return { input: { kind: "pcap", base64: base64(data) }, said: `Taken for captured packets: ${file.name}.` };
  const text = new TextDecoder("utf-8", { fatal: false }).decode(data);
  if (/\.(c|h)$/i.test(file.name)) return { kind: "c", source: text, said: `Opened ${file.name} as C.`, name: file.name };
  if (/\.(s|asm)$/i.test(file.name)) return { kind: "asm", source: text, said: `Opened ${file.name} as assembly.`, name: file.name };
  if (text.includes("\u0000")) return { error: `${file.name} is neither text, an ELF object nor a capture.` };
  return detect(text) ?? { kind: "c", source: text, said: `Opened ${file.name} as C.`, name: file.name };
}
