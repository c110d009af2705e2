"""run_job() of whole requests: what each option changes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from playground.messages import told
from playground.present.run import run_job
from vm.runner.execution import PROGRAM

EXAMPLES = Path(__file__).parents[3] / "examples"


def stages(name: str, **options: Any) -> dict[str, Any]:
    request = {
        "kind": "c",
        "source": (EXAMPLES / name).read_text(),
        "options": options,
        "input": {"kind": "packet", "hex": "02" * 12 + "0800" + "45" + "00" * 50},
    }
    return {m["stage"]: m for m in run_job(request) if m["type"] == "stage" and m["status"] != "working"}


def test_what_is_not_verified_runs_in_the_interpreter() -> None:
    said = stages("missing_bounds_check.c", verify=False)
    assert [said[s]["status"] for s in ("verify", "jit", "run")] == ["skipped", "skipped", "done"]
    assert said["run"]["engine"] == "interpreter"


WORK_QUEUE = """
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64[4]);
} work SEC(".maps");
extern int bpf_wq_init(struct bpf_wq *wq, void *p__map, unsigned int flags) __ksym;
SEC("tc")
int later(struct __sk_buff *ctx)
{
	__u32 key = 0;
	void *value = bpf_map_lookup_elem(&work, &key);

	if (!value)
		return 0;
	bpf_wq_init(value, &work, 0);
	return 0;
}
char LICENSE[] SEC("license") = "GPL";
"""


def test_what_is_not_emulated_is_no_verdict() -> None:
    request = {"kind": "c", "source": WORK_QUEUE, "options": {}}
    messages = list(run_job(request))
    said = {m["stage"]: m for m in messages if m["type"] == "stage" and m["status"] != "working"}
    verify = said["verify"]
    assert (verify["status"], verify["verdict"], verify["fail"]) == ("failed", "none", None)
    (missing,) = verify["not_covered"]
    assert verify["not_emulated"] == [missing["text"]]
    assert (missing["kind"], missing["name"]) == ("crash", "bpf_wq_init")
    assert verify["message"] == f"not emulated: {missing['text']}"
    steps = [step for m in messages if m["type"] == "steps" for step in m["steps"]]
    # Every step that was walked is there, and the next instruction is the one that stopped it.
    assert len(steps) == verify["steps"] == verify["stopped"]["step"] + 1 > 5
    insns = {insn["idx"]: insn for insn in said["load"]["insns"]}
    assert "call" in insns[verify["stopped"]["insn"]]["text"]
    assert verify["stopped"]["line"] == insns[verify["stopped"]["insn"]]["line"]
    assert [said[s]["status"] for s in ("jit", "run")] == ["skipped", "skipped"]


def test_remarks_and_refusals_of_the_loader_are_told() -> None:
    source = CHAIN.replace('SEC("xdp") int second', 'SEC("?xdp") int second')

    def ended(program: str) -> dict[str, Any]:
        request = {"kind": "c", "source": source, "options": {"program": program}}
        return {m["stage"]: m for m in run_job(request) if m["type"] == "stage" and m["status"] != "working"}

    said = ended("first")
    assert (said["compile"]["remarks"], said["load"]["remarks"]) == ([], [])
    verify = said["verify"]
    assert (verify["status"], verify["verdict"], verify["errno"]) == ("failed", "reject", -9)
    assert (verify["fail"]["rule"], verify["fail"]["insn"]) == ("prog-array-program-missing", -1)
    assert "slot [0] to prog 'second' (EBADF)" in verify["message"] and verify["log"].startswith("func#0")
    assert said["jit"]["status"] == "skipped"
    said = ended("second")
    (remark,) = said["load"]["remarks"]
    assert remark["program"] == "second" and remark["fix"] is None
    assert (said["verify"]["verdict"], said["run"]["runs"][0]["result"]) == ("accept", "XDP_DROP")


CHAIN = """#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
int second(struct xdp_md *ctx);
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, int);
	__array(values, int(struct xdp_md *));
} chain SEC(".maps") = { .values = { [0] = (void *)&second } };
SEC("xdp") int first(struct xdp_md *ctx) { bpf_tail_call(ctx, &chain, 0); return 2; }
SEC("xdp") int second(struct xdp_md *ctx) { return ctx->data_end - ctx->data > 20; }
char LICENSE[] SEC("license") = "GPL";
"""


@pytest.mark.parametrize("engine", ["jit", "interpreter"])
def test_the_program_that_a_tail_call_enters_is_told(engine: str) -> None:
    said = list(run_job({"kind": "c", "source": CHAIN, "options": {"program": "first", "engine": engine}}))
    run = next(m for m in said if m["type"] == "stage" and m["stage"] == "run" and m["status"] == "done")
    ((entered),) = run["entered"]
    assert entered["name"] == "second" and bool(entered["listing"]) == (engine == "jit")
    slots = {insn["idx"]: insn for insn in entered["insns"]}
    (steps,) = (m["steps"] for m in said if m["type"] == "steps" and m["stage"] == "run")
    behind = [step["insn"] for step in steps if step["insn"] >= PROGRAM]
    assert behind and behind[0] == PROGRAM and set(behind) <= set(slots)
    assert {insn["line"] for insn in slots.values()} == {11} and slots[PROGRAM]["func"] == "second"
    jumps = [insn["target"] for insn in slots.values() if insn["target"] is not None]
    assert all(target in slots for target in jumps)
    assert {row["insn"] for row in entered["listing"]} <= {*slots, -1}
    walk = entered["walk"]
    assert walk["total"] == len(walk["steps"]) > 5
    # Of the tail call nothing is known: what follows is of another walk.
    left = len(steps) - len(behind) - 1
    assert [i for i, step in enumerate(steps) if "walk_step" not in step] == [left]
    (end,) = (step["walk_step"] for step in steps if step["insn"] == PROGRAM + 1)
    assert walk["steps"][end]["insn"] == 1 and walk["steps"][end]["set"]["r1"]["k"] == "packet_end"
    told.read(json.dumps(run))


def walks_told(source: str) -> list[int | None]:
    """Steps of the walk that comes with each program that tail calls may enter."""
    said = run_job({"kind": "c", "source": source, "options": {"program": "first"}})
    run = next(m for m in said if m["type"] == "stage" and m["stage"] == "run" and m["status"] == "done")
    return [len(each["walk"]["steps"]) if "walk" in each else None for each in run["entered"]]


def test_walks_come_with_programs_that_were_entered_and_few_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    three = CHAIN.replace("max_entries, 1", "max_entries, 3").replace(
        "[0] = (void *)&second }", "[0] = (void *)&second, [1] = (void *)&third, [2] = (void *)&never }"
    )
    more = 'SEC("xdp") int {0}(struct xdp_md *ctx) {{ return ctx->data_end - ctx->data > 30; }}\n'
    three = three.replace("struct {", "int third(struct xdp_md *ctx);\nint never(struct xdp_md *ctx);\nstruct {", 1)
    three = three.replace("return ctx->data_end", "bpf_tail_call(ctx, &chain, 1); return ctx->data_end")
    three += more.format("third") + more.format("never")
    second, third, never = walks_told(three)
    assert second and third and never is None
    monkeypatch.setattr("playground.present.programs.MOST_WALKED", second + 2)
    assert walks_told(three) == [second, 2, None]
    monkeypatch.setattr("vm.pipeline.running.MAX_WALKED", 1)
    assert walks_told(three) == [None, None, None]


def test_both_engines_say_the_same() -> None:
    jit, interpreter = stages("count_drop.c"), stages("count_drop.c", engine="interpreter")
    assert jit["run"]["engine"] == "jit"
    assert interpreter["run"]["engine"] == "interpreter"
    for field in ("maps", "events", "summary"):
        assert jit["run"][field] == interpreter["run"][field]


def test_values_of_maps_are_told_as_their_type() -> None:
    entries = stages("count_drop.c")["run"]["maps"]["packets"]["entries"]
    assert [text for _, _, text in entries].count("1") == 1


SOCKET_FILTER = """
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
SEC("socket") int length(struct __sk_buff *skb) { return skb->len; }
"""


def test_a_filter_s_packet_is_as_its_socket_gets_it() -> None:
    results = {}
    for socket in ({}, {"socket": "test_run"}, {"socket": "transport"}, {"socket": "pigeon"}):
        given = {"kind": "packet", "hex": "02" * 12 + "0800" + "45" + "00" * 50, **socket}
        request = {"kind": "c", "source": SOCKET_FILTER, "options": {}, "input": given}
        said = {m["stage"]: m for m in run_job(request) if m["type"] == "stage" and m["status"] != "working"}["run"]
        results[socket.get("socket", "")] = said["status"], said.get("summary") or said["message"]
    assert results[""] == ("done", "keep 65 bytes")
    assert results["test_run"] == ("done", "keep 51 bytes")
    assert results["transport"] == (
        "failed", "This is no UDP or TCP packet, as a socket of the kind 'transport' gets."
    )  # fmt: skip
    assert results["pigeon"][1].startswith("There is no socket 'pigeon'; a filter's socket is one of packet, dgram, ip")
