/** An event as a form: the fields a tracing program may read, those it reads first. */
import { fill, h, setAttr, setText } from "../ui/dom.js";

/** @import { EventField, EventInput } from "../types/messages.js" */

/** @typedef {NonNullable<EventInput["values"]>} Values */
/** @typedef {{name: string, values: Values}} Typed what was typed */

/** A typed value: a number where the field's own value is one and it fits, JSON for lists and bytes, else text. @param {string} text @param {EventField["value"]} before */
function value(text, before) {
  if (typeof before === "object" && before !== null) {
    try {
      return JSON.parse(text);
    } catch {
      return undefined;
    }
  }
  if (typeof before !== "number" || !/^-?(0x[0-9a-f]+|\d+)$/i.test(text)) return text;
  const found = text.startsWith("-") ? -Number(text.slice(1)) : Number(text);
  return Number.isSafeInteger(found) ? found : text;
}

/**
 * Draw an event into `host`. `put({name, values})` is told of each change.
 * @param {HTMLElement} host
 * @param {{name?: string, values?: Values}} event
 * @param {(EventField & {read?: boolean})[]} fields what the program's hook has; [] when that is not known
 * @param {(event: Typed) => void} put
 * @param {string} hook the program's own event, which an empty name stands for
 */
export function drawEvent(host, event, fields, put, hook = "") {
  const now = { name: event.name ?? "", values: { ...(event.values ?? {}) } };
  const note = h("p", { class: "hint", role: "status" });
  const name = h("input", {
    type: "text",
    size: 32,
    value: now.name,
    placeholder: hook || "sched/sched_process_exec",
    spellcheck: "false",
    on: {
      input: () => {
        now.name = name.value.trim();
        put({ ...now });
      },
    },
  });
  const title = h("label", { class: "field" }, h("span", null, "event (empty: the one the program attaches to)"), name);
  if (!fields.length) {
    fill(host, title, asText(now, note, put), note);
    return;
  }
  const sorted = [...fields.filter((each) => each.read), ...fields.filter((each) => !each.read)];
  const rows = sorted.map((each) => {
    const shown = now.values[each.name] ?? each.value ?? "";
    const input = h("input", {
      type: "text",
      size: 18,
      value: typeof shown === "object" ? JSON.stringify(shown) : String(shown),
      spellcheck: "false",
      "aria-label": `${each.name}, ${each.type}`,
      on: {
        input: () => {
          const typed = value(input.value.trim(), each.value);
          setAttr(input, "aria-invalid", typed === undefined);
          if (typed === undefined) return;
          now.values = { ...now.values, [each.name]: typed };
          put({ ...now });
        },
      },
    });
    return h(
      "tr",
      { class: each.read ? "" : "unread" },
      h("th", { scope: "row" }, each.name),
      h("td", { class: "variable-type" }, each.type),
      h("td", null, input),
      h("td", { class: "hint" }, each.read ? "read by the program" : ""),
    );
  });
  fill(
    host,
    title,
    h(
      "table",
      { class: "map-table event-table" },
      h("thead", null, h("tr", null, ["Field", "Type", "Value", ""].map((text) => (text ? h("th", { scope: "col" }, text) : h("td"))))),
      h("tbody", null, rows),
    ),
    note,
  );
}

/** The values as JSON, where the fields are not known. @param {Typed} now @param {HTMLElement} note @param {(event: Typed) => void} put */
function asText(now, note, put) {
  const area = h("textarea", {
    class: "hex-input",
    "aria-label": "Values of the event as JSON",
    spellcheck: "false",
    value: JSON.stringify(now.values, null, 1),
    on: {
      input: () => {
        let values;
        try {
          values = JSON.parse(area.value);
        } catch {
          values = null;
        }
        const good = values !== null && typeof values === "object" && !Array.isArray(values);
        setText(note, good ? "" : "The values are a JSON object of names and values, such as {\"pid\": 42}. This is not valid JSON yet.");
        setAttr(note, "data-tone", good ? "" : "bad");
        if (!good) return;
        now.values = values;
        put({ ...now });
      },
    },
  });
  return area;
}
