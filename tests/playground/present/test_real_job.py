"""A run on a real kernel as messages, with a guest in the place of which the events are given."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from playground.messages import told
from playground.present.run import run_job
from vm import pipeline
from vm.errors import InputError
from vm.guests.events import Attached, Content, Ended, Printed, Record
from vm.guests.single_runs import Received
from vm.pipeline.kernel_run import MAX_SHOWN, _emulated, _Teller
from vm.runner.inputs import PacketInput

ROOT = Path(__file__).resolve().parents[3]
SOURCE = """#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
struct seen { __u32 pid; char comm[16]; };
struct hist { __u32 slots[8]; };
const struct seen *in_btf __attribute__((unused)); // clang describes only types that something global has
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); } events SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY); __uint(key_size, 4); __uint(value_size, 4); } perf SEC(".maps");
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 4); __type(key, __u32); __type(value, __u64);
} counts SEC(".maps");
struct {
    __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 4); __type(key, __u32); __type(value, struct hist);
} times SEC(".maps");
SEC("xdp") int keep(struct xdp_md *ctx)
{
    __u32 key = 0;
    __u64 *n = bpf_map_lookup_elem(&counts, &key);
    struct seen *e = bpf_ringbuf_reserve(&events, sizeof *e, 0);
    if (e)
        bpf_ringbuf_submit(e, 0);
    bpf_map_lookup_elem(&times, &key);
    if (n)
        *n += 1;
    return n ? (int)*n : XDP_PASS;
}
char LICENSE[] SEC("license") = "GPL";
"""
REQUEST = {"kind": "c", "source": SOURCE, "options": {}, "input": {"kind": "packet", "hex": "00" * 64}}


def teller(emulated: list[Any] | None = None) -> tuple[_Teller, dict[str, Any]]:
    _, build = pipeline.built(pipeline.Source("c", SOURCE.encode()), pipeline.BuildOptions())
    assert build is not None
    obj = pipeline.load(build.source, build.options, build.compiled)
    return _Teller(obj, emulated or []), {spec.name: spec for spec in obj.maps}


def test_a_record_and_a_map_are_decoded_by_their_types() -> None:
    tell, maps = teller()
    record = tell(Record("events", (7).to_bytes(4, "little") + b"sh".ljust(16, b"\0")))
    assert record["decoded"] == 'struct seen {.pid = 7, .comm = "sh"}' and record["size"] == 20
    # The kernel pads a sample of a perf buffer: its size (4 bytes) and itself end at a multiple of eight.
    sample = (3).to_bytes(4, "little") + bytes(28) + bytes(4)
    assert tell(Record("perf", sample))["decoded"] == "struct hist {.slots = {3, 0, 0, 0, 0, 0, 0, 0}}"
    assert tell(Record("events", sample))["decoded"] == ""
    entries = tuple((n.to_bytes(4, "little"), (n * n).to_bytes(8, "little")) for n in range(4))
    content = tell(Content(maps["counts"], entries, True))
    assert content["entries"][3] == {
        "key": "03000000", "value": "0900000000000000", "key_text": "3", "value_text": "9",
    }  # fmt: skip
    (group,) = content["bars"]
    assert [(bar["label"], bar["count"]) for bar in group["bars"]] == [("1", 1), ("2", 4), ("3", 9)]


def test_slots_of_a_structure_are_drawn_for_each_entry() -> None:
    tell, maps = teller()
    slots = b"".join(n.to_bytes(4, "little") for n in (0, 5, 0, 2, 0, 0, 0, 0))
    (group,) = tell(Content(maps["times"], (((9).to_bytes(4, "little"), slots),), True))["bars"]
    assert group["title"] == "9: slots"
    assert [(bar["label"], bar["count"]) for bar in group["bars"]] == [("1", 5), ("2", 0), ("3", 2)]


def test_one_count_is_no_distribution() -> None:
    tell, maps = teller()
    assert tell(Content(maps["counts"], ((bytes(4), b"\1" + bytes(7)),), True))["bars"] == []


def test_what_a_hostile_guest_says_is_bounded() -> None:
    tell, _ = teller()
    assert len(tell(Printed("<b>" * 100_000))["text"]) == MAX_SHOWN
    record = tell(Record("events", b"\xff" * 100_000))
    assert len(record["bytes"]) == 2 * MAX_SHOWN and record["size"] == 100_000


def test_a_packet_stands_beside_what_the_emulated_machine_made_of_it() -> None:
    _, build = pipeline.built(pipeline.Source("c", SOURCE.encode()), pipeline.BuildOptions())
    assert build is not None
    packets = [PacketInput(bytes(64)), PacketInput(bytes(60))]
    tell, _ = teller(_emulated(build, "keep", packets))
    assert tell(Received(0, 0, 1, bytes(64)))["ours"]["same"]
    second = tell(Received(1, 0, 1, bytes(60)))["ours"]
    assert second["retval"] == 2 and not second["same"]
    assert tell(Received(2, -22))["ours"] is None


def test_messages_follow_the_schema(monkeypatch: pytest.MonkeyPatch) -> None:
    tell, maps = teller()

    class State:
        name, release = "6.12", "6.12.1-test"

    def run(*args: Any, **more: Any) -> Iterator[list[dict[str, Any]]]:
        assert more["shell"] == "ls" and more["packets"][0].data == bytes(64)
        yield [tell(Received(0, 0, 1, bytes(64)))]
        yield [tell(Attached("keep", True))]
        yield [tell(Printed("hello")), tell(Record("events", b"\1"))]
        yield [tell(Content(maps["counts"], ((bytes(4), bytes(8)),), True)), tell(Ended(3, None, (1, 2), "Too much."))]

    monkeypatch.setattr(pipeline, "saved_guests", lambda: pipeline.Guests((State(),), ""))  # type: ignore[arg-type]
    monkeypatch.setattr(pipeline, "real", run)
    said = list(run_job({"kind": "real", "request": REQUEST, "shell": "ls", "seconds": 1}))
    for message in said:
        told.read(json.dumps(message))
    kinds = [message["type"] for message in said]
    assert kinds == ["real", "real_packet", "real_attached", "real_output", "real_map", "real_done"]
    assert [line["kind"] for line in said[3]["lines"]] == ["printk", "record"]
    end = said[-1]
    assert (end["lost"], end["status"], end["left_out"], end["stopped"]) == (3, None, [1, 2], "Too much.")
    with pytest.raises(InputError, match="no kernel '9.9'"):
        list(run_job({"kind": "real", "request": REQUEST, "kernel": "9.9"}))


def test_without_kernels_it_is_said_how_to_add_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BPFSCOPE_KERNELS", str(tmp_path))
    begun, done = list(run_job({"kind": "real", "request": REQUEST}))
    assert begun["kernel"] == "" and ("make kernels" in begun["missing"] or "QEMU" in begun["missing"])
    assert done["type"] == "real_done" and done["status"] is None
    (recording,) = list(run_job({"kind": "record", "request": REQUEST}))
    first, last = list(run_job({"kind": "matrix", "request": REQUEST}))
    for message in (begun, recording, first):
        told.read(json.dumps(message))
        assert message["missing"] == begun["missing"]
    assert recording["events"] == 0 and last["asked"] == 0
