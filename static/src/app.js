/** Where the page starts: read what came with it, make the panels, show the stored walk or the kept draft. */
import htmx from "htmx.org/dist/htmx.esm.js";
import { readDraft } from "./core/draft.js";
import { listen } from "./core/keys.js";
import { followFragment, readFragment } from "./core/link.js";
import { provide } from "./core/panel.js";
import { Scope } from "./core/scope.js";
import { Announcer } from "./panels/announcer.js";
import { Dock, PANES } from "./panels/dock.js";
import { Editor } from "./panels/editor.js";
import { Goto } from "./panels/goto.js";
import { Header, load } from "./panels/header.js";
import { Insns } from "./panels/insns.js";
import { LogPane } from "./panels/log.js";
import { PacketPane } from "./panels/packet.js";
import { Pipeline } from "./panels/pipeline.js";
import { MachinePane, MapsPane, OutputPane, PathsPane } from "./panels/results.js";
import { Scrubber } from "./panels/scrubber.js";
import { State } from "./panels/state.js";
import { Switch } from "./panels/switch.js";
import { WhyPane } from "./panels/why.js";

Object.assign(htmx.config, {
  allowEval: false,
  allowScriptTags: false,
  includeIndicatorStyles: false,
  selfRequestsOnly: true,
  historyCacheSize: 0,
  historyEnabled: false,
});

const json = (id) => JSON.parse(document.getElementById(id)?.textContent ?? "null");

function start() {
  const program = json("program");
  if (!program) return; // a page without the instrument: examples, errors
  const boot = { program, record: json("record"), config: json("config") };
  const draft = program.id || program.example ? null : readDraft();
  const fresh = location.pathname === "/" ? (draft ?? readDraft()) : null;
  const differs = fresh && JSON.stringify([fresh.kind, fresh.source]) !== JSON.stringify([program.request.kind, program.request.source]);
  if (fresh && differs) boot.program = { ...program, id: null, example: null, title: "", request: { ...program.request, ...fresh } };

  const scope = new Scope(boot);
  provide(scope);
  const want = readFragment();
  scope.restore = want.step === null ? null : { step: want.step, stage: want.stage ?? "verify" };
  scope.store.set({
    reg: want.reg ?? "",
    pane: PANES.some((pane) => pane.id === want.pane) ? want.pane : "log",
    view: want.stage ?? "verify",
    focusStage: want.stage ?? "verify",
  });
  if (boot.record && !differs) scope.adopt(boot.record);

  const components = {
    "bs-header": Header, "bs-pipeline": Pipeline, "bs-editor": Editor, "bs-insns": Insns, "bs-state": State,
    "bs-scrubber": Scrubber, "bs-log": LogPane, "bs-paths": PathsPane, "bs-packet": PacketPane, "bs-maps": MapsPane,
    "bs-output": OutputPane, "bs-machine": MachinePane, "bs-dock": Dock, "bs-announcer": Announcer, "bs-goto": Goto,
    "bs-switch": Switch, "bs-why": WhyPane,
  };
  for (const [name, component] of Object.entries(components)) customElements.define(name, component);

  listen(scope);
  followFragment(scope.store);
  addEventListener("popstate", () => {
    if (location.hash) return;
    location.reload();
  });
  addEventListener("hashchange", () => {
    const next = readFragment();
    if (next.step === null) return;
    if (next.stage && next.stage !== scope.state.view) scope.show(next.stage, next.step);
    else scope.goto(next.step);
    if (next.reg) scope.store.set({ reg: next.reg });
  });
  if (!boot.record || differs) scope.run();
  document.documentElement.dataset.ready = "true";
}

export { load };
start();
