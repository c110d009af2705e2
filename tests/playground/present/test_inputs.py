"""Inputs of requests as inputs of runs, and a program's default input as the page gets it."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from playground.present.inputs import event_value, input_json, run_inputs, value_json
from playground.present.run import run_job
from playground.requests import BadRequest, check_request
from vm.asm import assemble
from vm.errors import InputError
from vm.program import Program
from vm.runner.defaults import default_input
from vm.runner.inputs import EventInput, NoInput, PacketInput

PROBE = ".type kprobe\ncall bpf_get_current_pid_tgid\nexit"


def assembled(kind: str, section: str = "") -> Program:
    (program,) = assemble(f".type {kind}\nr0 = 0\nexit", name="t").programs
    return dataclasses.replace(program, section=section or program.section)


@pytest.mark.parametrize("given", [None, {}, {"kind": "auto"}])
def test_without_a_choice_the_program_decides(given: dict[str, Any] | None) -> None:
    for program in (assembled("xdp"), assembled("kprobe", "kprobe/vfs_read"), assembled("syscall")):
        assert run_inputs(given, program) == [default_input(program)]


def test_a_choice_is_kept() -> None:
    program = assembled("kprobe", "kprobe/vfs_read")
    assert run_inputs({"kind": "none"}, program) == [NoInput()]
    assert run_inputs({"kind": "packet", "hex": "00" * 20}, program) == [PacketInput(bytes(20))]
    (event,) = run_inputs({"kind": "event", "name": "vfs_write", "values": {"count": 5, "buf": "x"}}, program)
    assert event == EventInput("vfs_write", {"count": 5, "buf": "x"})


@pytest.mark.parametrize(
    ("prog_type", "section"), [(2, "kprobe/vfs_read"), (5, "tp/syscalls/sys_enter_execve"), (29, "lsm/socket_connect")]
)
def test_what_the_page_is_told_can_be_sent_back(prog_type: int, section: str) -> None:
    program = dataclasses.replace(assembled("kprobe"), section=section, prog_type=prog_type)
    told = input_json(program)
    assert (told["kind"], told["hook"], told["name"]) == ("event", section, "")
    assert {field["name"]: field["value"] for field in told["fields"]} == told["values"]
    sent = {"kind": "event", "name": told["name"], "values": told["values"]}
    checked = check_request({"kind": "asm", "source": "exit", "input": sent})["input"]
    assert checked == sent
    assert run_inputs(checked, program) == [default_input(program)]


def test_a_packet_and_nothing_are_told_too() -> None:
    xdp = input_json(assembled("xdp"))
    assert (xdp["kind"], xdp["hook"]) == ("packet", "xdp")
    assert run_inputs({"kind": "packet", "hex": xdp["hex"]}, assembled("xdp")) == [default_input(assembled("xdp"))]
    assert input_json(assembled("syscall")) == {"kind": "none", "hook": "syscall"}


def test_values_and_their_json() -> None:
    for value in (7, -1, "text", b"\x01\xff", ("ls", "-l")):
        assert event_value("v", value_json(value)) == value
    for bad in (1.5, None, [1], {"hex": "zz"}, {"hex": 1}, {"hex": "00", "more": 1}, ["x"] * 65):
        with pytest.raises(InputError, match="'v'"):
            event_value("v", bad)


@pytest.mark.parametrize(
    "value", [True, None, 1.5, [1], {"hex": 1}, {"text": "x"}, ["x"] * 65, 1 << 64, "x" * 5000, ["x" * 5000], "\ud800"]
)
def test_values_of_another_shape_are_refused_at_the_door(value: Any) -> None:
    with pytest.raises(BadRequest):
        check_request({"kind": "asm", "source": "exit", "input": {"kind": "event", "values": {"v": value}}})


def run_stage(request: dict[str, Any]) -> dict[str, Any]:
    found = [m for m in run_job(request) if m["type"] == "stage" and m["status"] != "working"]
    return {m["stage"]: m for m in found}


def test_a_first_run_of_a_probe_ends() -> None:
    said = run_stage({"kind": "asm", "source": PROBE, "options": {"prog_type": "kprobe"}})
    assert said["load"]["input"]["kind"] == "event"
    assert said["run"]["status"] == "done"
    assert said["run"]["runs"][0]["r0"] == hex(4242 << 32 | 4242)


def test_an_input_that_does_not_fit_says_what_to_choose() -> None:
    request = {"kind": "asm", "source": PROBE, "options": {"prog_type": "kprobe"}}
    run = run_stage({**request, "input": {"kind": "packet", "hex": "00" * 20}})["run"]
    assert run["status"] == "failed"
    assert "wants an event. Choose an event as the input" in run["message"]


def test_records_are_told_as_text() -> None:
    source = (
        "#include <linux/bpf.h>\n#include <bpf/bpf_helpers.h>\n"
        "struct rec { __u32 pid; char comm[12]; };\nconst struct rec *unused;\n"
        'struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); } out SEC(".maps");\n'
        'SEC("kprobe/vfs_read") int p(void *ctx) { struct rec r = {.pid = 5}; bpf_get_current_comm(r.comm, 12);\n'
        "bpf_ringbuf_output(&out, &r, sizeof(r), 0); bpf_ringbuf_output(&out, r.comm, 12, 0); return 0; }\n"
        'char LICENSE[] SEC("license") = "GPL";\n'
    )
    events = run_stage({"kind": "c", "source": source, "options": {}})["run"]["events"]
    assert [event["decoded"] for event in events] == ['struct rec {.pid = 5, .comm = "bpfscope"}', '"bpfscope"']
