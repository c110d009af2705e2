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

test("its answer is kept until another run is accepted", () => {
  const { analyses, protocol, sent } = world();
  analyses.ask("contents");
  protocol.handle(CONTENTS);
  assert.deepEqual(analyses.answer("contents"), { status: "done", parts: [CONTENTS], message: "" });
  protocol.run();
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
  assert.deepEqual(analyses.answer("contents"), { status: "failed", parts: [], message: "It is damaged." });
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
