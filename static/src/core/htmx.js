/** htmx as the Content Security Policy allows it: no evaluation, no scripts or styles of its own. */
import htmx from "htmx.org/dist/htmx.esm.js";

Object.assign(htmx.config, {
  allowEval: false,
  allowScriptTags: false,
  includeIndicatorStyles: false,
  selfRequestsOnly: true,
  historyCacheSize: 0,
  historyEnabled: false,
});
