import assert from "node:assert/strict";
import test from "node:test";
import { world } from "./world.js";

const CONTENTS = { type: "contents", bytes: 5 };

test("a question is asked once, with the program", () => {
  const { analyses, sent, session } = world();
  analyses.ask("contents");
  analyses.ask("contents");
  assert.deepEqual(sent, [["ask", { type: "contents", request: session.request }]]);
  assert.equal(analyses.answer("contents")?.status, "asked");
});

test("its answer is kept until a run of another program is accepted", () => {
  const { analyses, protocol, sent, session } = world();
  analyses.ask("contents");
  protocol.handle(CONTENTS);
  assert.deepEqual(analyses.answer("contents"), { status: "done", parts: [CONTENTS], message: "", more: {} });
  protocol.run();
  session.request = { kind: "c", source: "int b;" };
  protocol.handle({ type: "accepted", run: "r" });
  assert.equal(analyses.answer("contents"), undefined);
  analyses.ask("contents");
  assert.equal(sent.filter(([what]) => what === "ask").length, 2);
});

test("an answer that nobody asked for is ignored", () => {
  const { analyses, protocol } = world();
  protocol.handle(CONTENTS);
  assert.equal(analyses.answer("contents"), undefined);
});

test("a failed question has the server's sentence, and the run is not disturbed", () => {
  const { analyses, protocol, store } = world();
  analyses.ask("contents");
  protocol.handle({ type: "error", code: "analysis", asked: "contents", message: "It is damaged." });
  assert.deepEqual(analyses.answer("contents"), { status: "failed", parts: [], message: "It is damaged.", more: {} });
  assert.equal(store.state.status.state, "idle");
});

test("what was not answered when the connection was lost is asked again", () => {
  const { analyses, protocol, sent } = world();
  analyses.ask("contents");
  protocol.connection({ state: "lost", wait: 10 });
  analyses.ask("contents");
  assert.equal(sent.filter(([what]) => what === "ask").length, 2);
});

test("a question with something beside the program can be asked again, once it was answered", () => {
  const { analyses, protocol, sent, session } = world();
  analyses.again("settings", { values: { n: ["1"] } });
  analyses.again("settings", { values: { n: ["2"] } });
  assert.deepEqual(sent, [["ask", { type: "settings", request: session.request, values: { n: ["1"] } }]]);
  protocol.handle({ type: "setting", values: { n: "1" } });
  protocol.handle({ type: "settings_done", message: "" });
  assert.equal(analyses.answer("settings")?.parts.length, 2);
  analyses.again("settings", { values: { n: ["2"] } });
  assert.equal(analyses.answer("settings")?.status, "asked");
  assert.equal(sent.length, 2);
});

/** Accept a run of a request. */
function accepted({ protocol, session }, request) {
  session.request = request;
  protocol.run();
  protocol.handle({ type: "accepted", run: "r" });
}

test("another input forgets only the answers that depend on it, and what was not answered", () => {
  const made = world();
  const { analyses, protocol } = made;
  accepted(made, { kind: "c", source: "int a;", options: { opt: "O2", mcpu: "v3" } });
  for (const name of ["contents", "real", "fixes"]) analyses.again(name, {});
  protocol.handle(CONTENTS);
  protocol.handle({ type: "real_done" });
  accepted(made, { source: "int a;", kind: "c", options: { mcpu: "v3", opt: "O2" }, input: { kind: "none" } });
  assert.equal(analyses.answer("contents")?.status, "done");
  for (const name of ["real", "fixes"]) assert.equal(analyses.answer(name), undefined);
  accepted(made, { kind: "c", source: "int a;", options: { opt: "O1" } });
  assert.equal(analyses.answer("contents"), undefined);
});

test("what was asked beside the program is known for a file, once it is answered", () => {
  const { analyses, protocol } = world();
  analyses.again("settings", { values: { n: ["1"] } });
  assert.deepEqual(analyses.beside(), { asked: {}, asked_more: {} });
  protocol.handle({ type: "settings_done", message: "" });
  assert.deepEqual(analyses.beside(), { asked: { settings: [{ values: { n: ["1"] } }] }, asked_more: {} });
});

test("all that was asked of one program is known for a file, the last one last, and what is too much is counted", () => {
  const made = world();
  const { analyses, protocol } = made;
  accepted(made, { kind: "c", source: "int a;" });
  /** @param {string} n */
  const ask = (n) => {
    analyses.again("settings", { values: { n: [n] } });
    protocol.handle({ type: "settings_done", message: "" });
  };
  for (const n of ["1", "2", "3", "1"]) ask(n);
  assert.deepEqual(analyses.beside().asked.settings.map(({ values }) => values.n[0]), ["2", "3", "1"]);
  for (let n = 10; n < 30; n++) ask(String(n));
  const { asked, asked_more } = analyses.beside();
  assert.equal(asked.settings.length, 16);
  assert.deepEqual(asked_more, { settings: 7 });
  ask("9".repeat(2_000_000));
  assert.deepEqual(analyses.beside(), { asked: {}, asked_more: { settings: 24 } });
  accepted(made, { kind: "c", source: "int b;" });
  assert.deepEqual(analyses.beside(), { asked: {}, asked_more: {} });
});

test("a file asks what was asked when it was made, of what it holds", () => {
  const { analyses, sent } = world();
  analyses.held = { settings: [{ values: { n: ["2"] } }, { values: { n: ["1"] } }], compare: [{ other: {} }] };
  analyses.reopen();
  assert.deepEqual(sent.map(([, { type, values }]) => [type, values]), [["settings", { n: ["1"] }]]);
});
