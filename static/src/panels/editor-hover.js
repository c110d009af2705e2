/** What a helper, kernel function or flag in the source does, on pointing at it. */
import { hoverTooltip } from "@codemirror/view";
import { h } from "../ui/dom.js";
import { reference } from "../ui/reference.js";
import { entryNodes } from "../ui/tip.js";

export const explanations = hoverTooltip(
  async (view, pos) => {
    const { doc } = view.state;
    const known = await reference();
    // The text may have been replaced meanwhile.
    if (view.state.doc !== doc || pos > doc.length) return null;
    const line = doc.lineAt(pos);
    const found = known?.word(line.text, pos - line.from);
    // Fields of the log ("off", "id") are ordinary words in a source.
    if (!found || !/^(bpf_|BPF_|[a-z]+_)/.test(line.text.slice(found.from, found.to)) || found.entry.title.includes(": field")) return null;
    return {
      pos: line.from + found.from,
      end: line.from + found.to,
      create: () => ({ dom: h("div", { class: "tip-in-editor" }, entryNodes(found.entry)) }),
    };
  },
  { hoverTime: 350 },
);
