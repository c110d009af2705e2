/** The unsent text, kept in this browser so that a reload or a crash loses nothing. */
import { known } from "./options.js";

const KEY = "bpfscope.draft";
let timer = 0;

/** @import { Request } from "../types/messages.js" */

/** @typedef {Request & {ownInput?: boolean}} Draft */

/** Keep the program as it stands, soon. @param {import("./store.js").State} state */
export function saveDraft(state) {
  clearTimeout(timer);
  timer = window.setTimeout(() => {
    const { kind, source, files, options, input, ownInput, upload, beside } = state;
    // A log that is uploaded is not in the page: there is nothing to keep. A page in another one keeps to itself.
    if (upload || document.documentElement.dataset.frame) return;
    try {
      localStorage.setItem(KEY, JSON.stringify({ kind, source, ...(Object.keys(files).length ? { files } : {}), options, input, ownInput, ...(beside ? { beside } : {}) }));
    } catch {
      // Full or forbidden: the text is still in the editor.
    }
  }, 250);
}

/** The kept request with `ownInput` beside it, or null. @returns {Draft | null} */
export function readDraft() {
  try {
    const draft = JSON.parse(localStorage.getItem(KEY) ?? "null");
    return draft && typeof draft.source === "string" && typeof draft.kind === "string" ? { ...draft, options: known(draft.options) } : null;
  } catch {
    return null;
  }
}

/** Forget it (an example was opened on purpose). */
export function dropDraft() {
  clearTimeout(timer);
  try {
    localStorage.removeItem(KEY);
  } catch {
    // Nothing to forget then.
  }
}
