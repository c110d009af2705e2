"""The page and the command line give the same answers: requests of all kinds through the socket and through main().

The requests are generated from a fixed seed: programs that are accepted, rejected, broken or refused before the
verifier, with all options and inputs that both sides have.
"""

from __future__ import annotations

import base64
import gc
import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
import pytest_asyncio

from playground.jobs import service as services
from playground.messages.told import read
from tests.playground.communicator import WebsocketCommunicator
from tests.playground.conftest import Socket
from tests.playground.live import live
from vm import pipeline
from vm.cli.main import main

COUNT: Final = 200
SEED: Final = 612
ROOT: Final = Path(__file__).parents[2]
OBJECTS: Final = ROOT / "tests" / "golden" / "objects"
SUFFIX: Final = {"c": ".c", "asm": ".s", "hex": ".hex", "elf": ".o"}

HEAD: Final = "#include <linux/bpf.h>\n#include <bpf/bpf_helpers.h>\n"
LICENSE: Final = 'char LICENSE[] SEC("license") = "GPL";\n'
CHAIN: Final = """int second(struct xdp_md *ctx);
struct {
  __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
  __uint(max_entries, 2);
  __type(key, int);
  __array(values, int(struct xdp_md *));
} chain SEC(".maps") = {.values = {[1] = (void *)&second}};
SEC("xdp") int first(struct xdp_md *ctx) { bpf_tail_call(ctx, &chain, 1); return 2; }
"""
TRIE: Final = """struct {
  __uint(type, BPF_MAP_TYPE_LPM_TRIE);
  __uint(max_entries, 1);
  __uint(key_size, 8);
  __uint(value_size, 4);
} trie SEC(".maps");
"""
C_SOURCES: Final = (
    (ROOT / "examples" / "count_drop.c").read_text(),
    (ROOT / "examples" / "missing_bounds_check.c").read_text(),
    (ROOT / "examples" / "map_value_or_null.c").read_text(),
    (ROOT / "examples" / "two_functions.c").read_text(),
    HEAD + CHAIN + 'SEC("xdp") int second(struct xdp_md *ctx) { return 1; }\n' + LICENSE,
    HEAD + CHAIN + 'SEC("?xdp") int second(struct xdp_md *ctx) { return 1; }\n' + LICENSE,
    HEAD + CHAIN + 'SEC("xdp") int second(struct xdp_md *ctx) { return *(volatile char *)1; }\n' + LICENSE,
    HEAD + TRIE + 'SEC("xdp") int first(struct xdp_md *ctx) { return 2; }\n' + LICENSE,
    HEAD + 'int seen = 3;\nSEC("tp/syscalls/sys_enter_getpid") int first(void *ctx) { return seen++; }\n' + LICENSE,
    HEAD + 'SEC("socket") int first(struct __sk_buff *ctx) { return ctx->len > 20 ? ctx->len : 0; }\n' + LICENSE,
    HEAD + 'SEC("mine") int first(void *ctx) { return 0; }\nSEC("tc") int second(void *ctx) { return 0; }\n' + LICENSE,
    'SEC("xdp") int first(struct xdp_md *ctx) { return XDP_PASS; }\n',  # what --fix-includes is for
    HEAD + 'SEC("xdp") int first(struct xdp_md *ctx) { return nowhere; }\n' + LICENSE,
    "int first(void) { return 0; }\n",
)
ENDLESS: Final = "r0 = 0\nloop:\ngoto loop\nexit\n"
ASM_SOURCES: Final = (
    "r0 = 2\nexit\n",
    "r0 = 0\nr1 = r0\nr1 += 7\n*(u64 *)(r10 - 8) = r1\nr0 = *(u64 *)(r10 - 8)\nexit\n",
    "r0 = *(u32 *)(r1 + 0)\nexit\n",
    "r0 = *(u64 *)(r1 + 0)\nexit\n",
    "r0 = r2\nexit\n",
    "r0 = 0\nloop:\nr0 += 1\nif r0 < 100 goto loop\nexit\n",
    ENDLESS,
    ".map counts array 4 8 16\nr1 = 0\n*(u32 *)(r10 - 4) = r1\nr2 = r10\nr2 += -4\nr1 = map[counts]\ncall 1\n"
    "if r0 == 0 goto out\nr1 = 5\n*(u64 *)(r0 + 0) = r1\nout:\nr0 = 0\nexit\n",
    "r1 = 1\ncall 5\nr0 = 1\nexit\n",
    "r6 = r1\ncall helper\nr0 = 1\nexit\nhelper:\nr0 = 7\nexit\n",
    "r0 = 1\nif r0 > 0 goto nowhere\nexit\n",
    "r0 == banana\n",
    "call 99999\nexit\n",
    "   \n",
)
HEX_SOURCES: Final = (
    "b7 00 00 00 02 00 00 00 95 00 00 00 00 00 00 00",
    "71100100000000000f200000000000009500000000000000",
    "61 10 00 00 00 00 00 00 95 00 00 00 00 00 00 00",
    "85 00 00 00 07 00 00 00 95 00 00 00 00 00 00 00",
    "95 00 00 00 00 00 00 00",
    "18 00 00 00 01 00 00 00",
    "ff 00 00 00 00 00 00 00",
    "b7 00 00",
    "zz",
)
PACKETS: Final = (
    "02000000000102000000000208004500002400010000401166c60a0000010a0000023039003500101ea562706673636f7065",
    "ff" * 64,
    "02" * 14,
    "02" * 13,
    "",
)
EVENTS: Final[tuple[tuple[str, dict[str, int]], ...]] = (
    ("", {}),
    ("syscalls/sys_enter_getpid", {}),
    ("syscalls/sys_enter_openat", {"dfd": 3, "flags": 64}),
    ("syscalls/sys_enter_openat", {"nothing_of_that_name": 1}),
    ("no/such_event", {}),
)
PROG_TYPES: Final = ("xdp", "tc", "socket", "kprobe/do_exit", "tp/sched/sched_switch", "nonsense")


class Answer(NamedTuple):
    """What the command line said."""

    status: int
    records: list[dict[str, Any]]
    errors: str


def requests() -> Iterator[dict[str, Any]]:
    """COUNT requests, the same ones every time."""
    dice = random.Random(SEED)
    objects = sorted(OBJECTS.glob("*.o"))
    for number in range(COUNT):
        kind = ("c", "asm", "hex", "elf")[number % 4]
        if kind == "c":
            source = dice.choice(C_SOURCES)
        elif kind == "asm":
            source = dice.choice(ASM_SOURCES)
        elif kind == "hex":
            source = dice.choice(HEX_SOURCES)
        else:
            chosen = dice.choice(objects)
            source = base64.b64encode(an_object(dice, chosen)).decode()
        names = names_in(chosen) if kind == "elf" else ("first", "second") if kind == "c" else ("nobody",)
        yield {
            "kind": kind,
            "source": source,
            "options": {
                "program": a_program(dice, names, 0.8 if kind == "elf" else 0.3 if kind == "c" else 0.03),
                "opt": dice.choice(("O2", "O2", "O1", "O0")),
                "mcpu": dice.choice(("v3", "v3", "v2", "v4")),
                "fix_includes": dice.random() < 0.4,
                "prog_type": dice.choice(PROG_TYPES[:3] if dice.random() < 0.9 else PROG_TYPES),
                "verify": source == ENDLESS or dice.random() < 0.85,
                "unprivileged": dice.random() < 0.15,
                "engine": dice.choice(("jit", "interpreter")),
            },
            "input": an_input(dice),
        }


@cache
def names_in(path: Path) -> tuple[str, ...]:
    return tuple(program.name for program in pipeline.load_elf(path).programs) or ("nobody",)


def a_program(dice: random.Random, names: tuple[str, ...], share: float) -> str:
    return dice.choice((*names, "nobody") if dice.random() < 0.1 else names) if dice.random() < share else ""


def an_object(dice: random.Random, path: Path) -> bytes:
    """A recorded object, sometimes damaged or cut off."""
    data = bytearray(path.read_bytes())
    if dice.random() < 0.15:
        for _ in range(dice.randrange(1, 8)):
            data[dice.randrange(len(data))] = dice.randrange(256)
    return bytes(data[: dice.randrange(len(data))] if dice.random() < 0.05 else data)


def an_input(dice: random.Random) -> dict[str, Any]:
    kind = dice.choice(("auto", "packet", "packet", "packet", "event"))
    if kind == "packet":
        return {"kind": kind, "hex": dice.choice(PACKETS[:2] if dice.random() < 0.7 else PACKETS)}
    if kind == "event":
        name, values = dice.choice(EVENTS)
        return {"kind": kind, "name": name, "values": values}
    return {"kind": kind}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def socket() -> AsyncIterator[Socket]:
    """The real consumer and a real worker."""
    from playground.routing import websocket

    await services.close()
    services.service().forget_all()
    assert await services.service().pool.ready(60)
    communicator = WebsocketCommunicator(websocket, "/ws/run", headers=[(b"origin", b"http://localhost:8000")])
    assert await communicator.connect()
    client = Socket(communicator)
    await client.receive()
    yield client
    await client.close()
    await services.close()


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """main() sets how often garbage is collected."""
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)


class CommandLine:
    """The same request as command lines."""

    def __init__(self, request: dict[str, Any], folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.capsys = capsys
        kind, options = request["kind"], request["options"]
        self.path = folder / f"program{SUFFIX[kind]}"
        data = base64.b64decode(request["source"]) if kind == "elf" else request["source"].encode()
        self.path.write_bytes(data)
        self.options = options
        self.build = [f"--{name}={options[name]}" for name in ("opt", "mcpu")]
        # The page has no choice of the type of functions whose section says none.
        self.build += [f"--prog-type={options['prog_type']}", "--untyped="]
        self.build += ["--fix-includes"] if options["fix_includes"] else []
        self.user = ["--unprivileged"] if options["unprivileged"] else []
        self.input = input_options(request["input"])

    def __call__(self, verb: str, *more: str) -> Answer:
        status = main([verb, "--json", *self.build, *more, str(self.path)])
        said = self.capsys.readouterr()
        assert "Traceback" not in said.err
        return Answer(status, [json.loads(line) for line in said.out.splitlines()], said.err)

    def all(self, verb: str, *more: str) -> Answer:
        """With everything that a command finds beside the verdict."""
        asked = ["--counterexample", "--log-level=2"] if verb == "verify" else []
        how = self.input if verb == "run" else []
        return self(verb, f"--program={self.options['program']}", *self.user, *asked, *how, *more)

    def verify(self, program: str) -> Answer:
        return self("verify", "--no-fixes", "--log-level=2", f"--program={program}", *self.user)

    def jit(self, program: str) -> Answer:
        return self("jit", f"--program={program}", *self.user)

    def run(self, program: str) -> Answer:
        engine = f"--engine={self.options['engine']}" if self.options["verify"] else "--engine=interpreter"
        how = [engine] if self.options["verify"] else [engine, "--unverified"]
        return self("run", f"--program={program}", *self.user, *how, *self.input)


def input_options(given: dict[str, Any]) -> list[str]:
    if given["kind"] == "packet":
        return [f"--packet={given['hex']}"]
    if given["kind"] == "event":
        return ["--event=" + ",".join([given["name"], *(f"{k}={v}" for k, v in given["values"].items())])]
    return []


def same_failure(page: dict[str, Any] | None, line: dict[str, Any] | None) -> None:
    assert (page is None) == (line is None)
    if page is None or line is None:
        return
    for field in ("category", "insn", "line", "reg", "needed"):
        assert page[field] == line[field], field
    assert page["proven_text"] == line["proven"]
    assert page["causes"] == line["causes"]


def without_step(fault: dict[str, Any] | None) -> dict[str, Any] | None:
    """The command line records no steps, so that a fault is at none."""
    return {key: value for key, value in fault.items() if key != "step"} if fault is not None else None


def same_run(page: dict[str, Any], line: dict[str, Any]) -> None:
    (run,) = page["runs"]
    assert page["engine"] == line["engine"]
    assert int(run["r0"], 16) == line["r0"] & ((1 << 64) - 1)
    for field in ("result", "packet_out", "insns"):
        assert run[field] == line[field], field
    assert without_step(run["fault"]) == without_step(line["fault"])
    for name, found in page["maps"].items():
        entries = line["maps"][name]
        assert [[key, value] for key, value, _ in found["entries"]] == [[k, v[:8192]] for k, v in entries[:256]]
    assert [(e["kind"], e["text"]) for e in page["events"]] == [(e["kind"], e["text"]) for e in line["events"]]


def same(said: list[dict[str, Any]], cli: CommandLine) -> str:
    """Asserts that both say the same; where the request ended."""
    refused = [m for m in said if m["type"] == "error"]
    if refused:
        # Refused before a worker saw it: the sentences are the server's own.
        assert refused[0]["code"] in ("bad_request", "size", "input")
        assert cli.run(cli.options["program"]).status in (2, 3)
        return "refused"
    stages = {m["stage"]: m for m in said if m["type"] == "stage" and m["status"] != "working"}
    asked = cli.options["program"]
    if stages["compile"]["status"] == "failed":
        answer = cli("compile", "-o", str(cli.path.with_suffix(".o")))
        assert answer.status == 1 and not answer.records[0]["ok"]
        assert [
            {k: d[k] for k in ("line", "column", "severity", "message")} for d in stages["compile"]["diagnostics"]
        ] == answer.records[0]["diagnostics"]
        return "compile failed"
    load = stages["load"]
    if load["status"] == "failed":
        answer = cli.verify(asked)
        assert answer.status in (2, 3)
        assert load["message"] in answer.errors
        return "load failed"
    program = load["program"]
    verify = stages["verify"]
    if verify["status"] != "skipped":
        answer = cli.verify(program)
        (record,) = answer.records
        assert record["message"] == verify["message"]
        assert record["insns_processed"] == verify["insns_processed"] or record["verdict"] == "error"
        if verify["status"] == "failed" and verify["verdict"] == "none":
            assert (answer.status, record["verdict"]) == (2, "error")
            return "not emulated"
        assert not verify["log_cut"]
        for field in ("verdict", "errno", "log"):
            assert record[field] == verify[field], field
        same_failure(verify["fail"], record["failure"])
        # The command line has one line for the program: what was said of it when it was compiled and when loaded.
        told = [*stages["compile"].get("remarks", ()), *load["remarks"]]
        assert [r["message"] for r in record["remarks"]] == [r["message"] for r in told]
        assert answer.status == (0 if verify["verdict"] == "accept" else 1)
        if verify["verdict"] != "accept":
            return "rejected"
    jit = stages["jit"]
    if jit["status"] == "failed":
        answer = cli.jit(program)
        assert answer.status == 2 and jit["message"] in answer.errors
        return "jit failed"
    if jit["status"] == "done":
        (record,) = cli.jit(program).records
        shown = "".join(row["hex"] for row in jit["listing"])
        assert jit["bytes"] == len(shown) // 2 and shown.startswith(record["image"])
    answer = cli.run(program)
    run = stages["run"]
    if "runs" not in run:
        assert not answer.records and answer.status in (2, 3)
        assert run["message"] in answer.errors
        return "run failed"
    same_run(run, answer.records[0])
    return "fault" if run["status"] == "failed" else "ran"


async def complete(socket: Socket, message: dict[str, Any]) -> None:
    """Put what a stage's message leaves out into it, asking for it as a page does."""
    for name, count in message.pop("more", {}).items():
        items: list[Any] = []
        while len(items) < count:
            to = min(len(items) + 1024, count)
            await socket.send(type="part", list=name, **{"from": len(items), "to": to})
            while len(items) < to:
                part = await socket.receive(30)
                read(json.dumps(part))
                assert part["list"] == name and part["items"]
                items += part["items"][len(items) - part["from"] :]
        if name == "log":
            message |= {"log": "".join(f"{line}\n" for line, _ in items), "log_cut": 0}
        else:
            message[name] = items


@pytest.mark.asyncio(loop_scope="module")
async def test_the_page_and_the_command_line_say_the_same(
    socket: Socket, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ends: Counter[str] = Counter()
    for number, request in enumerate(requests()):
        await socket.send(type="run", v=1, request=request)
        said = [await socket.receive(30)]
        while said[-1]["type"] != "done" and not (said[-1]["type"] == "error" and len(said) == 1):
            said.append(await socket.receive(30))
        for message in said:
            read(json.dumps(message))  # every message is in the schema
            await complete(socket, message)
        try:
            ends[same(said, CommandLine(request, tmp_path, capsys))] += 1
        except AssertionError as error:
            shown = {**request, "source": request["source"][:400]}
            raise AssertionError(f"request {number}: {json.dumps(shown)}\n{error}") from error
    # Requests of every kind of ending, or it is not a test of them.
    assert ends.total() == COUNT
    assert ends["ran"] >= 30 and ends["rejected"] >= 30, ends
    assert {"refused", "compile failed", "load failed", "run failed", "fault"} <= set(ends), ends


LONG: Final = "r0 = 0\nloop:\nr0 += 1\nif r0 < 3000 goto loop\nr0 = 2\nexit\n"


@pytest.mark.asyncio(loop_scope="module")
async def test_items_of_a_list_are_made_when_they_are_asked_for(socket: Socket) -> None:
    await socket.send(type="run", v=1, request={"kind": "asm", "source": LONG, "options": {}})
    said = [await socket.receive(30)]
    while said[-1]["type"] != "done":
        said.append(await socket.receive(30))
    verify = next(m for m in said if m["type"] == "stage" and m["stage"] == "verify" and m["status"] == "done")
    count = verify["more"]["arrivals"]
    assert count == 500
    await socket.send(type="part", list="arrivals", **{"from": 100, "to": 120})
    part = await socket.receive(30)
    assert part["from"] == 100 and len(part["items"]) == 20 and part["items"][0]["after"] > 50
    await socket.send(type="part", list="arrivals", **{"from": count - 1, "to": count + 10})
    last, none = await socket.receive(30), await socket.receive(30)
    assert len(last["items"]) == 1 and (none["from"], none["items"]) == (count, [])
    for message in (part, last, none):
        read(json.dumps(message))


SERVED: Final = 40
"""How many of the requests are also sent with --server, one after the other as they come."""
CORPUS: Final = ROOT / "tests" / "corpus" / "rejected"
# Of a walk of a million steps the time decides what is found.
REJECTED: Final = sorted(
    CORPUS / each["file"] for each in json.loads((CORPUS / "index.json").read_text()) if not each["slow"]
)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with live(tmp_path_factory.mktemp("var")) as address:
        yield address


def lines_of(answer: Answer) -> list[dict[str, Any]]:
    """The JSON lines, without what the server says of one program at a time: that libbpf would stop at another."""
    return [{key: value for key, value in record.items() if key != "remarks"} for record in answer.records]


def same_lines(cli: CommandLine, address: str, verb: str, *more: str) -> Answer:
    """Asserts that a command prints the same lines with --server, and ends with the same status."""
    here, there = cli.all(verb, *more), cli.all(verb, *more, "--server", address)
    assert lines_of(there) == lines_of(here)
    assert there.status == here.status
    return here


def test_a_server_prints_the_same_lines(address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    verdicts: Counter[str] = Counter()
    for number, request in enumerate(requests()):
        if number % (COUNT // SERVED):
            continue
        cli = CommandLine(request, tmp_path, capsys)
        try:
            verdicts.update(record["verdict"] for record in same_lines(cli, address, "verify").records)
            same_lines(cli, address, "run")
        except AssertionError as error:
            shown = {**request, "source": request["source"][:400]}
            raise AssertionError(f"request {number}: {json.dumps(shown)}\n{error}") from error
    assert min(verdicts["accept"], verdicts["reject"], verdicts["error"]) >= 3, verdicts


def test_a_server_finds_the_same_fixes_and_inputs(
    address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fixes = inputs = 0
    for path in random.Random(SEED).sample(REJECTED, 8):
        request = next(each for each in requests() if each["kind"] == "c")
        options = {**request["options"], "program": "", "opt": "O2", "mcpu": "v3", "unprivileged": False}
        request |= {"source": path.read_text(), "options": options, "input": {"kind": "auto"}}
        cli = CommandLine(request, tmp_path, capsys)
        for record in same_lines(cli, address, "verify").records:
            failure = record["failure"]
            if failure is None:
                continue
            fixes += bool(failure["fixes"])
            found = failure["counterexample"]
            if found is None or found["input"] is None:
                continue
            inputs += 1
            given = tmp_path / "input.json"
            given.write_text(json.dumps(found["input"]))
            cli.input = [f"--input={given}"]
            (ran,) = same_lines(cli, address, "run").records
            assert ran["fault"]["insn_idx"] == found["fault"]["insn"]
    assert fixes >= 4 and inputs >= 2
