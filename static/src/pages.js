/** The script of pages without the instrument: htmx for their forms. */
import "./core/htmx.js";
