/** How the source is edited: CodeMirror's extensions, keys and options. */
import { defaultKeymap, history, historyKeymap, indentLess, indentMore, invertedEffects } from "@codemirror/commands";
import { cpp } from "@codemirror/lang-cpp";
import { bracketMatching, indentOnInput, indentUnit } from "@codemirror/language";
import { lintGutter } from "@codemirror/lint";
import { Compartment, EditorState, StateEffect } from "@codemirror/state";
import { EditorView, drawSelection, highlightSpecialChars, keymap, lineNumbers } from "@codemirror/view";
import { breakpointGutter } from "./editor-breakpoints.js";
import { explanations } from "./editor-hover.js";
import { ink } from "./editor-ink.js";
import { colours, theme } from "./editor-look.js";
import { marks } from "./editor-marks.js";

/** @import { StateEffectType, Transaction, TransactionSpec } from "@codemirror/state" */
/** @import { DOMEventHandlers, ViewUpdate } from "@codemirror/view" */
/** @import { State } from "../core/store.js" */

/**
 * What the text is. Changes with a text that is replaced as a whole, and comes back when that is undone.
 * @typedef {Pick<State, "kind" | "files" | "options" | "input" | "program" | "beside">} Origin
 */

/** @type {StateEffectType<Origin>} */
export const setOrigin = StateEffect.define();

/** The origin that a transaction sets, or undefined. @param {readonly Transaction[]} transactions @returns {Origin | undefined} */
export const originOf = (transactions) => transactions.flatMap((each) => each.effects).findLast((effect) => effect.is(setOrigin))?.value;

const language = new Compartment();
/** Whether the page is one to look at: an embed, or a file. */
export const isFixed = () => document.documentElement.dataset.fixed !== undefined;

const readOnly = new Compartment();

/** Kinds whose text is made by the page: an object's source lines, what an uploaded log quotes. */
const MADE = ["elf", "upload"];

/** What depends on the kind of source. @param {string} kind */
const parts = (kind) => ({
  language: kind === "c" || MADE.includes(kind) ? cpp() : [],
  readOnly: [EditorState.readOnly.of(MADE.includes(kind) || isFixed()), EditorView.editable.of(!MADE.includes(kind) && !isFixed())],
});

/** Effects that set the editor up for another kind of source. @param {string} kind */
export function setKind(kind) {
  const made = parts(kind);
  return [language.reconfigure(made.language), readOnly.reconfigure(made.readOnly)];
}

/**
 * A new text with an empty history.
 * @param {string} text
 * @param {string} kind of source
 * @param {{
 *   origin: () => Origin, updated: (update: ViewUpdate) => void, events: DOMEventHandlers<unknown>,
 *   extend: (transaction: Transaction) => Pick<TransactionSpec, "effects" | "annotations"> | null, leave: () => boolean,
 *   breakpoint: (from: number) => void,
 *   indents: () => boolean,
 * }} editor what it is at present, what is told of changes, and whether Tab indents
 */
export function editorState(text, kind, editor) {
  const made = parts(kind);
  return EditorState.create({
    doc: text,
    extensions: [
      highlightSpecialChars({ addSpecialChars: /[\u202a-\u202e\u2060-\u2069]/g }),
      history(),
      invertedEffects.of((transaction) => (originOf([transaction]) ? [setOrigin.of(editor.origin())] : [])),
      drawSelection(),
      EditorState.tabSize.of(8),
      indentUnit.of("\t"),
      indentOnInput(),
      bracketMatching(),
      breakpointGutter(editor.breakpoint),
      lineNumbers(),
      marks,
      ink,
      explanations,
      lintGutter(),
      colours,
      theme,
      keymap.of([
        { key: "Escape", run: () => editor.leave() },
        ...defaultKeymap.filter((binding) => binding.key !== "Mod-Enter"),
        ...historyKeymap,
        { key: "Tab", run: (view) => editor.indents() && indentMore(view), shift: (view) => editor.indents() && indentLess(view) },
      ]),
      EditorState.transactionExtender.of((transaction) => editor.extend(transaction)),
      language.of(made.language),
      readOnly.of(made.readOnly),
      EditorView.contentAttributes.of({ "aria-label": "Program source. Escape leaves the editor.", spellcheck: "false", tabindex: "0" }),
      EditorView.updateListener.of((update) => editor.updated(update)),
      EditorView.domEventHandlers(editor.events),
    ],
  });
}
