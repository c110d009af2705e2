/** htmx, as templates/base.html configures it for the Content Security Policy. */
import htmx from "htmx.org/dist/htmx.esm.js";

// It waits for DOMContentLoaded, which is over where this is imported later.
htmx.process(document.body);
for (const opened of document.querySelectorAll("details[open][hx-get]")) htmx.trigger(opened, "toggle");
