/**
 * Colours and sizes inside the editor's shadow root; the page's own custom properties reach in. Lengths are in rem, which
 * follow the size of the type.
 */
import { HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { EditorView } from "@codemirror/view";
import { tags } from "@lezer/highlight";

export const theme = EditorView.theme({
  "&": { height: "100%", fontSize: "0.8125rem", color: "var(--ink)", backgroundColor: "transparent" },
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "1.25rem", overflow: "auto" },
  ".cm-content": { caretColor: "var(--ink)", padding: "0.25rem 0" },
  ".cm-cursor": { borderLeftColor: "var(--ink)", borderLeftWidth: "2px" },
  ".cm-gutters": { backgroundColor: "transparent", color: "var(--ink-3)", border: "none", fontVariantNumeric: "tabular-nums" },
  ".cm-lineNumbers .cm-gutterElement": { padding: "0 0.25rem 0 0.5rem", minWidth: "1.75rem" },
  ".bs-cursor-gutter": { width: "1rem", color: "var(--cursor-ink)", textAlign: "center" },
  ".bs-break-gutter": { width: "1rem", cursor: "pointer" },
  ".bs-break-gutter .cm-gutterElement": { display: "flex", alignItems: "center", justifyContent: "center" },
  ".bs-break-gutter .cm-gutterElement:hover": { boxShadow: "inset 0 0 0 0.1875rem var(--panel), inset 0 0 0 1rem var(--line-2)" },
  ".bs-break": { width: "0.625rem", height: "0.625rem", borderRadius: "50%", border: "2px solid var(--stop)" },
  ".bs-break[data-stop=on]": { backgroundColor: "var(--stop)" },
  ".bs-cause": { color: "var(--bad)", fontSize: "0.65625rem", fontWeight: "700", fontFamily: "var(--sans)" },
  ".cm-selectionBackground, &.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground": {
    backgroundColor: "var(--selection)",
  },
  ".cm-matchingBracket": { backgroundColor: "transparent", outline: "1px solid var(--line-2)" },
  ".bs-current": { backgroundColor: "var(--cursor)" },
  ".bs-hover": { backgroundColor: "var(--hover)" },
  ".bs-rejected": {
    textDecoration: "underline wavy var(--bad)",
    textUnderlineOffset: "0.25rem",
    textDecorationSkipInk: "none",
  },
  ".bs-sentence": {
    color: "var(--bad)",
    backgroundColor: "var(--bad-bg)",
    borderLeft: "3px solid var(--bad)",
    padding: "0.1875rem 0.625rem",
    margin: "2px 0 0.1875rem",
    position: "sticky",
    left: "0",
    maxWidth: "var(--code-width, 100%)",
    whiteSpace: "pre-wrap",
    overflowWrap: "anywhere",
    fontFamily: "var(--sans)",
    fontSize: "0.78125rem",
    lineHeight: "1.125rem",
  },
  ".bs-beside": { color: "var(--ink-2)", fontFamily: "var(--mono)", fontSize: "0.71875rem", maxHeight: "3.375rem", overflow: "auto" },
  ".cm-lineNumbers .bs-heat-1": { backgroundColor: "var(--heat-1)", color: "var(--ink-2)" },
  ".cm-lineNumbers .bs-heat-2": { backgroundColor: "var(--heat-2)", color: "var(--ink-2)" },
  ".cm-lineNumbers .bs-heat-3": { backgroundColor: "var(--heat-3)", color: "var(--ink)" },
  ".cm-lineNumbers .bs-heat-4": { backgroundColor: "var(--heat-4)", color: "var(--ink)" },
  ".cm-lineNumbers .bs-heat-5": { backgroundColor: "var(--heat-5)", color: "var(--ink)" },
  ".bs-ink": { color: "var(--ink-3)", fontFamily: "var(--mono)", fontSize: "0.71875rem", paddingLeft: "1.125rem", whiteSpace: "nowrap", userSelect: "none", pointerEvents: "none" },
  ".bs-current .bs-ink": { color: "var(--ink-2)" },
  ".bs-fact.gained, .bs-current .bs-fact.gained": { color: "var(--good)", fontWeight: "600" },
  ".bs-fact.lost": { textDecoration: "line-through" },
  ".cm-specialChar": { color: "var(--bad)" },
  ".cm-tooltip": { backgroundColor: "var(--raise)", color: "var(--ink)", border: "1px solid var(--line-2)", borderRadius: "0.375rem" },
  ".tip-in-editor": { fontFamily: "var(--sans)", fontSize: "0.78125rem", lineHeight: "1.125rem", padding: "0.375rem 0.625rem", maxWidth: "26.25rem", whiteSpace: "pre-wrap" },
  ".tip-in-editor > *": { display: "block" },
  ".tip-in-editor code": { fontFamily: "var(--mono)", fontSize: "0.71875rem" },
  ".tip-in-editor .tip-note": { color: "var(--ink-2)", marginTop: "0.1875rem" },
  ".cm-diagnostic": { fontFamily: "var(--sans)", padding: "0.25rem 0.5rem", whiteSpace: "pre-wrap" },
  ".cm-diagnostic-error": { borderLeft: "3px solid var(--bad)" },
  ".cm-diagnostic-warning": { borderLeft: "3px solid var(--warn)" },
  ".cm-gutter-lint": { width: "1.125rem" },
  ".cm-lint-marker": { width: "0.75rem", height: "0.75rem" },
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
