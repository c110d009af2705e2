import assert from "node:assert/strict";
import { test } from "node:test";
import { CALM, Player, SPEEDS } from "../src/core/player.js";
import { WALK, walked } from "./world.js";

const FAST = 1000;

async function until(store) {
  for (let i = 0; i < 200 && store.state.playing; i++) await new Promise((resolve) => setTimeout(resolve, 5));
}

test("plays to the end, and from the start again", async () => {
  const { player, store } = walked();
  store.set({ speed: FAST });
  player.toggle();
  assert.equal(store.state.playing, true);
  await until(store);
  assert.equal(store.state.step, WALK.length - 1);
  await player.play();
  assert.equal(store.state.step, 0);
  player.toggle();
  assert.equal(store.state.playing, false);
});

test("stops at a breakpoint", async () => {
  const { player, store } = walked();
  store.set({ speed: FAST, breakpoints: [{ kind: "insn", value: 3, enabled: true }] });
  await player.play();
  await until(store);
  assert.equal(store.state.step, 5);
  assert.match(store.state.found, /instruction 3/);
});

test("stops when the person moves", async () => {
  const { cursor, player, store } = walked();
  store.set({ speed: 20 });
  await player.play();
  cursor.goto(4);
  store.flush();
  assert.equal(store.state.playing, false);
  await new Promise((resolve) => setTimeout(resolve, 80));
  assert.equal(store.state.step, 4);
});

test("is slow for people who asked for less motion", () => {
  const { cursor, search, store } = walked();
  const calm = new Player(store, cursor, search, () => true);
  store.set({ speed: 30 });
  assert.equal(calm.speed, CALM);
  assert.ok(SPEEDS.includes(CALM));
});
