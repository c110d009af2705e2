/** Where the page starts: read what came with it, make the panels, show the stored walk or the kept draft. */
import "./core/htmx.js";
import { readDraft } from "./core/draft.js";
import { listen } from "./core/keys.js";
import { readFragment } from "./core/link.js";
import { provide } from "./core/panel.js";
import { Scope } from "./core/scope.js";
import { Trail } from "./core/trail.js";
import { Announcer } from "./panels/announcer.js";
import { Dock, PANES } from "./panels/dock.js";
import { Editor } from "./panels/editor.js";
import { Goto } from "./panels/goto.js";
import { Header } from "./panels/header.js";
import { Insns } from "./panels/insns.js";
import { KernelsStrip } from "./panels/kernels.js";
import { LogPane } from "./panels/log.js";
import { PacketPane } from "./panels/packet.js";
import { Pipeline } from "./panels/pipeline.js";
import { ObjectPane } from "./panels/object.js";
import { RewrittenPane } from "./panels/rewritten.js";
import { MachinePane, MapsPane, OutputPane, PathsPane } from "./panels/results.js";
import { Scrubber } from "./panels/scrubber.js";
import { Splitters } from "./panels/splitters.js";
import { State } from "./panels/state.js";
import { Switch } from "./panels/switch.js";
import { WhyPane } from "./panels/why.js";
import * as tip from "./ui/tip.js";

/** @param {string} id of a script element with JSON */
const json = (id) => JSON.parse(document.getElementById(id)?.textContent ?? "null");

function start() {
  const program = json("program");
  /** @type {import("./core/scope.js").Boot} */
  const boot = { program, record: json("record"), config: json("config") };
  const draft = program.id || program.example ? null : readDraft();
  const fresh = location.pathname === "/" ? (draft ?? readDraft()) : null;
  const differs = fresh && JSON.stringify([fresh.kind, fresh.source]) !== JSON.stringify([program.request.kind, program.request.source]);
  if (fresh && differs) {
    const { ownInput, ...request } = fresh;
    boot.ownInput = ownInput === true;
    boot.program = { ...program, id: null, example: null, title: "", request: { ...program.request, ...request } };
  }

  tip.define(json("glossary"));
  tip.listen();
  const scope = new Scope(boot);
  provide(scope);
  const want = readFragment();
  scope.protocol.restore = want.step === null ? null : { step: want.step, stage: want.stage ?? "verify", packet: want.packet };
  scope.trail = new Trail(scope, { panes: PANES.map((pane) => pane.id) });
  scope.store.set(scope.trail.looks(want));
  if (boot.record && !differs) scope.protocol.adopt(boot.record);

  const components = {
    "bs-header": Header, "bs-pipeline": Pipeline, "bs-editor": Editor, "bs-insns": Insns, "bs-state": State,
    "bs-scrubber": Scrubber, "bs-log": LogPane, "bs-paths": PathsPane, "bs-packet": PacketPane, "bs-maps": MapsPane, "bs-object": ObjectPane, "bs-rewritten": RewrittenPane,
    "bs-output": OutputPane, "bs-machine": MachinePane, "bs-dock": Dock, "bs-announcer": Announcer, "bs-goto": Goto,
    "bs-switch": Switch, "bs-why": WhyPane, "bs-kernels": KernelsStrip, "bs-splitters": Splitters,
  };
  for (const [name, component] of Object.entries(components)) customElements.define(name, component);

  listen(scope);
  if (!boot.record || differs) scope.run();
  document.documentElement.dataset.ready = "true";
}

start();
