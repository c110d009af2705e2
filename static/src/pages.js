/** The script of pages without the instrument: htmx for their forms. */
import "./core/htmx.js";

document.documentElement.dataset.ready = "true";
