/** Moves as buttons beside the scrubber: play and its speed, the steps, and a menu with every other move. */
import { SPEEDS, CALM } from "../core/player.js";
import { COMMANDS, command } from "../core/moves.js";
import { written } from "../core/keys.js";
import { calm, h, setAttr, svg } from "../ui/dom.js";

/** @import { Scope } from "../core/scope.js" */

/** Buttons in a row: command, which of its keys, shape. @type {[string, number, string][]} */
const ROW = [
  ["ends", 1, "M3 3h2v10H3zM13 3v10L6 8z"],
  ["step", 1, "M11.500 2.500v11L4 8z"],
  ["play", 0, "M3 2.500v11L9 8zM10 3h2v10h-2zM13 3h2v10h-2z"],
  ["step", 0, "M4.500 2.500v11L12 8z"],
  ["ends", 0, "M11 3h2v10h-2zM3 3v10l7-5z"],
];
const PAUSE = "M4 3h3v10H4zM9 3h3v10H9z";

/** @param {Scope} scope */
export function moves(scope) {
  const { store } = scope;
  const buttons = ROW.map(([id, key, shape]) => {
    const { keys, names, do: act } = command(id);
    const label = `${names[key]} (${written(keys[key])})`;
    const path = svg("path", { d: shape });
    const button = h("button", { type: "button", class: "icon", "aria-label": label, title: label, data: { move: `${id}-${key}` }, on: { click: () => act(scope, key) } }, svg("svg", { viewBox: "0 0 16 16", class: "move", "aria-hidden": "true" }, path));
    if (id === "play")
      store.on(["playing"], () => {
        const { playing } = store.state;
        path.setAttribute("d", playing ? PAUSE : shape);
        setAttr(button, "aria-label", `${playing ? "Pause" : "Play"} (${written(keys[0])})`);
        setAttr(button, "title", button.getAttribute("aria-label"));
      });
    return button;
  });
  return h("div", { class: "buttons" }, h("div", { class: "step-buttons", role: "group", "aria-label": "Step buttons" }, buttons), speeds(scope), menu(scope));
}

/** Steps a second. @param {Scope} scope */
function speeds({ store }) {
  const select = h(
    "select",
    { class: "speed", "aria-label": "Speed of playing", title: "Speed of playing" },
    SPEEDS.map((speed) => h("option", { value: speed, disabled: calm() && speed > CALM }, `${speed}/s`)),
  );
  select.addEventListener("change", () => store.set({ speed: Number(select.value) }));
  store.on(["speed"], () => {
    select.value = String(calm() ? Math.min(store.state.speed, CALM) : store.state.speed);
  });
  return select;
}

/** Every move, by name. @param {Scope} scope */
function menu(scope) {
  const rows = COMMANDS.filter((each) => each.step).map(({ names, keys, do: act }) =>
    h("li", null, names.map((name, key) => h("button", { type: "button", class: "menu-item", on: { click: () => act(scope, key) } }, name, " ", h("kbd", null, written(keys[key]))))),
  );
  const details = h("details", { class: "moves-menu" }, h("summary", { class: "icon", "aria-label": "All moves", title: "All moves" }, "⋯"), h("ul", { class: "moves-list", "aria-label": "All moves" }, rows));
  details.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !details.open) return;
    details.open = false;
    details.querySelector("summary")?.focus();
    event.stopPropagation();
  });
  document.addEventListener("pointerdown", (event) => {
    if (details.open && event.target instanceof Node && !details.contains(event.target)) details.open = false;
  });
  return details;
}
