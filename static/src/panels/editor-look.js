/** Colours and sizes inside the editor's shadow root; the page's own custom properties reach in. */
import { HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { EditorView } from "@codemirror/view";
import { tags } from "@lezer/highlight";

export const theme = EditorView.theme({
  "&": { height: "100%", fontSize: "13px", color: "var(--ink)", backgroundColor: "transparent" },
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "20px", overflow: "auto" },
  ".cm-content": { caretColor: "var(--ink)", padding: "4px 0" },
  ".cm-cursor": { borderLeftColor: "var(--ink)", borderLeftWidth: "2px" },
  ".cm-gutters": { backgroundColor: "transparent", color: "var(--ink-3)", border: "none", fontVariantNumeric: "tabular-nums" },
  ".cm-lineNumbers .cm-gutterElement": { padding: "0 4px 0 8px", minWidth: "28px" },
  ".bs-cursor-gutter": { width: "16px", color: "var(--cursor-ink)", textAlign: "center" },
  ".bs-cause": { color: "var(--bad)", fontSize: "10.5px", fontWeight: "700", fontFamily: "var(--sans)" },
  ".cm-selectionBackground, &.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground": {
    backgroundColor: "var(--selection)",
  },
  ".cm-matchingBracket": { backgroundColor: "transparent", outline: "1px solid var(--line-2)" },
  ".bs-current": { backgroundColor: "var(--cursor)" },
  ".bs-hover": { backgroundColor: "var(--hover)" },
  ".bs-rejected": {
    textDecoration: "underline wavy var(--bad)",
    textUnderlineOffset: "4px",
    textDecorationSkipInk: "none",
  },
  ".bs-sentence": {
    color: "var(--bad)",
    backgroundColor: "var(--bad-bg)",
    borderLeft: "3px solid var(--bad)",
    padding: "3px 10px",
    margin: "2px 0 3px",
    position: "sticky",
    left: "0",
    maxWidth: "var(--code-width, 100%)",
    whiteSpace: "pre-wrap",
    overflowWrap: "anywhere",
    fontFamily: "var(--sans)",
    fontSize: "12.5px",
    lineHeight: "18px",
  },
  ".bs-beside": { color: "var(--ink-2)", fontFamily: "var(--mono)", fontSize: "11.5px", maxHeight: "54px", overflow: "auto" },
  ".cm-lineNumbers .bs-heat-1": { backgroundColor: "var(--heat-1)", color: "var(--ink-2)" },
  ".cm-lineNumbers .bs-heat-2": { backgroundColor: "var(--heat-2)", color: "var(--ink-2)" },
  ".cm-lineNumbers .bs-heat-3": { backgroundColor: "var(--heat-3)", color: "var(--ink)" },
  ".cm-lineNumbers .bs-heat-4": { backgroundColor: "var(--heat-4)", color: "var(--ink)" },
  ".cm-lineNumbers .bs-heat-5": { backgroundColor: "var(--heat-5)", color: "var(--ink)" },
  ".cm-specialChar": { color: "var(--bad)" },
  ".cm-tooltip": { backgroundColor: "var(--raise)", color: "var(--ink)", border: "1px solid var(--line-2)", borderRadius: "6px" },
  ".tip-in-editor": { fontFamily: "var(--sans)", fontSize: "12.5px", lineHeight: "18px", padding: "6px 10px", maxWidth: "420px", whiteSpace: "pre-wrap" },
  ".tip-in-editor > *": { display: "block" },
  ".tip-in-editor code": { fontFamily: "var(--mono)", fontSize: "11.5px" },
  ".tip-in-editor .tip-note": { color: "var(--ink-2)", marginTop: "3px" },
  ".cm-diagnostic": { fontFamily: "var(--sans)", padding: "4px 8px", whiteSpace: "pre-wrap" },
  ".cm-diagnostic-error": { borderLeft: "3px solid var(--bad)" },
  ".cm-diagnostic-warning": { borderLeft: "3px solid var(--warn)" },
  ".cm-gutter-lint": { width: "18px" },
  ".cm-lint-marker": { width: "12px", height: "12px" },
});

export const colours = syntaxHighlighting(
  HighlightStyle.define([
    { tag: [tags.keyword, tags.controlKeyword, tags.modifier, tags.definitionKeyword], color: "var(--code-keyword)" },
    { tag: [tags.typeName, tags.standard(tags.typeName)], color: "var(--code-type)" },
    { tag: [tags.string, tags.character], color: "var(--code-string)" },
    { tag: [tags.number, tags.bool], color: "var(--code-number)" },
    { tag: [tags.comment, tags.lineComment, tags.blockComment], color: "var(--code-comment)", fontStyle: "italic" },
    { tag: [tags.processingInstruction, tags.meta], color: "var(--code-meta)" },
    { tag: [tags.function(tags.variableName), tags.function(tags.definition(tags.variableName))], color: "var(--code-function)" },
  ]),
);
