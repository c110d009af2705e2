/**
 * Explanations of instructions, registers, helpers, kernel functions, flags and phrases of the log. The server's file
 * (made by `make reference`) is fetched when something is pointed at for the first time.
 */

/** @typedef {{title: string, text: string, prototype?: string, callers?: string[], notes?: string[]}} Entry */
/**
 * @typedef {{words: Record<string, Entry>, insns: Record<string, string>, phrases: Record<string, string>,
 *   opcodes: Record<string, Record<string, string>>}} Reference
 */

const WORD = /[A-Za-z_][A-Za-z0-9_]*/g;
const LONGEST = 4000;

/** @param {Record<string, any>} table @param {string} key */
const own = (table, key) => (Object.hasOwn(table, key) ? table[key] : undefined);

export class Lookup {
  /** @param {Reference} data */
  constructor(data) {
    this.data = data;
    // The longest first: it says more.
    this.phrases = Object.keys(data.phrases).sort((a, b) => b.length - a.length);
  }

  /**
   * The word at an offset of a text, if it is explained: "bpf_ktime_get_ns", "umax", "ptr_task_struct".
   * @param {string} text
   * @param {number} offset
   * @returns {{from: number, to: number, entry: Entry} | null}
   */
  word(text, offset) {
    if (text.length > LONGEST) return null;
    for (const match of text.matchAll(WORD)) {
      const from = match.index;
      const to = from + match[0].length;
      if (offset < from || offset > to) continue;
      // In the log a type of BTF follows its prefix: ptr_task_struct, trusted_ptr_sock.
      const prefix = match[0].replace(/^((?:[a-z]+_)?ptr_).+$/, "$1");
      const entry = own(this.data.words, match[0]) ?? own(this.data.words, prefix);
      if (entry) return { from, to, entry };
    }
    return null;
  }

  /**
   * The phrase of the log at an offset of a line.
   * @param {string} line
   * @param {number} offset
   * @returns {{from: number, to: number, entry: Entry} | null}
   */
  phrase(line, offset) {
    for (const phrase of this.phrases) {
      const from = line.indexOf(phrase);
      if (from >= 0 && offset >= from && offset <= from + phrase.length)
        return { from, to: from + phrase.length, entry: { title: phrase, text: this.data.phrases[phrase] } };
    }
    return null;
  }

  /**
   * An instruction by its bytes in hex: opcode, registers, offset.
   * @param {string} hex
   * @returns {Entry | null}
   */
  instruction(hex) {
    const bytes = hex.replace(/\s/g, "").toLowerCase();
    const variants = own(this.data.opcodes, bytes.slice(0, 2));
    if (!variants) return null;
    const src = Number.parseInt(bytes[2], 16);
    const off = Number.parseInt(bytes.slice(6, 8) + bytes.slice(4, 6), 16);
    const name = own(variants, `${src},0`) ?? own(variants, `0,${off ? (off === 1 ? 1 : 8) : 0}`) ?? variants["0,0"];
    const text = own(this.data.insns, name ?? "");
    return text ? { title: `${name.replaceAll("-", " ")}: instruction`, text } : null;
  }
}

/** "May be called by: XDP, tc." @param {Pick<Entry, "callers">} entry */
export function whoMayCall({ callers }) {
  if (!callers) return "";
  return callers.length ? `May be called by: ${callers.join(", ")}.` : "No program type of this kernel may call it.";
}

/** @type {Promise<Lookup | null> | null} */
let loading = null;

/** The reference, or null when it cannot be fetched; it is then tried again the next time. */
export function reference(url = document.documentElement.dataset.reference ?? "") {
  // A page that is one file has it inside.
  const here = document.getElementById("reference")?.textContent;
  loading ??= (here ? Promise.resolve(JSON.parse(here)) : fetch(url).then((answer) => (answer.ok ? answer.json() : null)))
    .then((data) => (data ? new Lookup(data) : null))
    .catch(() => null)
    .then((found) => {
      if (!found) loading = null;
      return found;
    });
  return loading;
}
