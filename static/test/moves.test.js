import assert from "node:assert/strict";
import { test } from "node:test";
import "./world.js";

globalThis.document.querySelector = () => null;
const { BY_KEY, keyName, written } = await import("../src/core/keys.js");
const { COMMANDS, command } = await import("../src/core/moves.js");

test("every command has keys, a name for each button, words and something to do", () => {
  for (const { id, keys, names, says, do: act } of COMMANDS) {
    assert.ok(/^[a-z]+$/.test(id), id);
    assert.ok(keys.length > 0, id);
    assert.equal(names.length, keys.length, `${id}: a name for each key`);
    assert.ok(names.every((name) => /^[A-Z]/.test(name)) && says.length > 4, id);
    assert.equal(typeof act, "function", id);
  }
});

test("no key and no name stands for two things", () => {
  const keys = COMMANDS.flatMap((each) => each.keys);
  assert.deepEqual(keys.filter((key, i) => keys.indexOf(key) !== i), []);
  assert.equal(BY_KEY.size, keys.length);
  const ids = COMMANDS.map((each) => each.id);
  assert.equal(new Set(ids).size, ids.length);
  const names = COMMANDS.flatMap((each) => each.names);
  assert.deepEqual(names.filter((name, i) => names.indexOf(name) !== i), []);
});

test("the moves that are asked for are there", () => {
  for (const id of ["play", "step", "over", "out", "continue", "line", "fork", "call", "prune", "change", "breakpoint", "search"]) command(id);
  assert.throws(() => command("luck"), /no command/);
});

test("names of keys are those that a keyboard gives", () => {
  const pressed = (key, held = {}) => keyName({ key, ctrlKey: false, metaKey: false, altKey: false, shiftKey: false, ...held });
  assert.equal(pressed("ArrowLeft", { altKey: true }), "Alt+ArrowLeft");
  assert.equal(pressed("O", { shiftKey: true }), "O");
  assert.equal(pressed("?", { shiftKey: true }), "?");
  assert.equal(pressed("F8", { shiftKey: true }), "Shift+F8");
  assert.equal(pressed("Enter", { metaKey: true }), "Ctrl+Enter");
  assert.equal(pressed(" "), " ");
  assert.equal(pressed("[", { ctrlKey: true, altKey: true, getModifierState: (name) => name === "AltGraph" }), "[");
  for (const name of BY_KEY.keys()) assert.ok(written(name).length > 0, name);
  assert.equal(written("Shift+ArrowRight"), "Shift →");
  assert.equal(written("+"), "+");
  assert.equal(written("Ctrl+Enter"), "Ctrl Enter");
});

test("each command does something in a walk, in both directions", () => {
  /** @type {string[]} */
  const did = [];
  const any = (path) => new Proxy(() => undefined, { get: (_, name) => any(`${path}.${String(name)}`), apply: () => did.push(path) });
  const scope = {
    cursor: any("cursor"), search: any("search"), player: any("player"), run: any("run"), steps: { verify: { total: 1 }, run: { total: 1 } },
    state: { step: 3, view: "verify" },
    store: { set: any("set"), state: { base: "dec", layout: { columns: [], dock: 0, closed: [], scale: 1 }, breakpoints: [], pane: "log" } },
  };
  globalThis.document.dispatchEvent = any("event");
  globalThis.document.activeElement = null;
  globalThis.HTMLElement = class {};
  const elsewhere = ["goto", "search", "value", "editor", "panels", "passed", "share", "help", "close"];
  for (const each of COMMANDS)
    for (const key of each.keys.keys()) {
      did.length = 0;
      each.do(/** @type {any} */ (scope), key);
      assert.equal(did.length > 0, !elsewhere.includes(each.id), each.id);
    }
});
