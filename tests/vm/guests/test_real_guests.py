"""Real kernels: guests that are restored, used and thrown away. `make test-guests`."""

from __future__ import annotations

import json
import os
import re
import tempfile
import time
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

import pytest

from vm import pipeline
from vm.cli.sources import read_source
from vm.guests import broker
from vm.guests import linux as l
from vm.guests.changes import FOLDER, catalogue
from vm.guests.images import images, missing
from vm.guests.states import State, prepare
from vm.guests.wire import GuestError, Read, Request, Slot
from vm.pipeline import Build, BuildOptions, Cell
from vm.pipeline.kernel_own import hidden

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "examples" / "count_drop.c"
pytestmark = [pytest.mark.guests, pytest.mark.skipif(bool(missing()), reason=missing())]


@pytest.fixture(scope="module")
def states() -> list[State]:
    return [prepare(image) for image in images()]


@pytest.fixture(scope="module")
def oldest(states: list[State]) -> State:
    return states[0]


def build(path: Path, name: str = "") -> Build:
    source = read_source(str(path), Namespace())
    options = BuildOptions(untyped="socket")
    if source.kind != "c":
        return Build(source, options)
    made, found = pipeline.built(source, options)
    assert found is not None, (name, made.diagnostics)
    return found


def qemus(folder: Path) -> set[int]:
    """Processes whose command line names a folder."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if str(folder).encode() in path.read_bytes():
                found.add(int(path.parent.name))
        except OSError:
            continue
    return found - {os.getpid()}


def release(machine_state: State, seconds: float = 20) -> str:
    with machine_state.restore(seconds) as machine:
        request = Request()
        room = request.room(390)
        request.call(l.UNAME, room, reads=(Read(room, 390),))
        return machine.run(request)[0].data[0][130:195].split(b"\0")[0].decode()


def test_each_kernel_is_what_its_state_says(states: list[State]) -> None:
    for state in states:
        assert release(state) == state.release
        assert state.release.startswith(state.name)


def test_fifty_jobs_leave_nothing_behind(oldest: State) -> None:
    files = sorted(oldest.folder.iterdir()), set(Path(tempfile.gettempdir()).iterdir())
    for _ in range(50):
        assert release(oldest) == oldest.release
    assert not qemus(oldest.folder)
    assert sorted(oldest.folder.iterdir()) == files[0]
    left = {path.name for path in set(Path(tempfile.gettempdir()).iterdir()) - files[1]}
    assert not {name for name in left if "qemu" in name or "bpfscope-init" in name}


def test_jobs_of_a_helper_process_leave_nothing_behind(oldest: State) -> None:
    broker.start()
    helper = broker.broker()
    assert helper is not None
    try:
        for _ in range(3):
            assert release(oldest) == oldest.release
        assert not qemus(oldest.folder)
    finally:
        helper.close()
        broker._brokers.clear()


def test_a_guest_is_killed_at_its_limit(oldest: State) -> None:
    started = time.monotonic()
    with pytest.raises(GuestError) as error, oldest.restore(1.5) as machine:
        request = Request()
        request.call(35, request.place((60).to_bytes(16, "little")))  # nanosleep
        machine.run(request)
    assert error.value.kind == "time"
    assert time.monotonic() - started < 10
    assert not qemus(oldest.folder)


def test_a_kernel_that_crashes_is_said(oldest: State) -> None:
    with pytest.raises(GuestError) as error, oldest.restore(20) as machine:
        request = Request()
        request.call(l.OPEN, request.text("/proc/sysrq-trigger"), l.O_WRONLY, keep=0)
        request.call(l.WRITE, Slot(0), request.text("c"), 1)
        machine.run(request)
    assert error.value.kind == "crash"
    assert not qemus(oldest.folder)


def test_a_guest_has_no_network_and_no_disk(oldest: State) -> None:
    with oldest.restore(20) as machine:
        request = Request()
        room = request.room(4096)
        for path in ("/proc/net/dev", "/proc/partitions"):
            request.call(l.OPEN, request.text(path), l.O_RDONLY, keep=0)
            request.call(l.READ, Slot(0), room, 4096, reads=(Read(room, 4096),))
        results = machine.run(request)
    devices = re.findall(rb"^ *(\S+):", results[1].data[0], re.MULTILINE)
    assert devices == [b"lo"]
    assert b"sd" not in results[3].data[0].split(b"\0")[0]
    assert b"vd" not in results[3].data[0].split(b"\0")[0]


def test_the_first_example_on_every_kernel(states: list[State]) -> None:
    cells = {cell.kernel: cell for cell in pipeline.matrix([build(EXAMPLE)], states)}
    assert set(cells) == {state.name for state in states}
    for name, cell in cells.items():
        assert cell.verdict == ("reject" if name == "5.10" else "accept"), cell
    if "5.10" in cells and "6.1" in cells:
        found = {cell.kernel: why for cell, why in pipeline.with_changes(cells.values(), states)}
        assert (found["6.1"] or {}).get("id") == "atomic-fetch"


@pytest.fixture(scope="module")
def asked(states: list[State]) -> dict[tuple[str, str], Cell]:
    """What each kernel says of each program of the catalogue."""
    programs = sorted({change.program for change in catalogue()})
    named = [Build(b.source, b.options, b.compiled, b.clang) for b in (build(FOLDER / name) for name in programs)]
    cells = pipeline.matrix(named, states)
    by_stem = {Path(name).stem: name for name in programs}
    return {(by_stem[cell.source], cell.kernel): cell for cell in cells}


@pytest.mark.parametrize("change", catalogue(), ids=lambda change: change.id)
def test_the_kernels_answer_as_the_catalogue_says(change, asked: dict[tuple[str, str], Cell]) -> None:  # type: ignore[no-untyped-def]
    for side, other in ((change.before, change.after), (change.after, change.before)):
        cell = asked.get((change.program, side.kernel))
        if cell is None:
            pytest.skip(f"there is no Linux {side.kernel}")
        assert cell.verdict == side.verdict, cell.message
        if side.verdict != "error":
            assert cell.message == side.message
        assert side.log in cell.log
        across = asked.get((change.program, other.kernel))
        assert not side.log or across is None or side.log not in across.log
        if change.match and side.verdict != "accept" and (other.verdict == "accept" or side is change.before):
            assert re.fullmatch(change.match, cell.message)


def test_the_emulation_is_what_linux_6_12_says(states: list[State]) -> None:
    state = next((state for state in states if state.name == "6.12"), None)
    if state is None:
        pytest.skip("there is no Linux 6.12")
    for path in sorted((ROOT / "examples").glob("*.c")):
        one = build(path)
        obj = pipeline.load(one.source, one.options, one.compiled)
        ours = {verdict.name: verdict for verdict in pipeline.check_object(obj, alone=True, log_level=2)}
        for cell in pipeline.matrix([one], [state], log_level=2):
            mine = ours[cell.program]
            assert (mine.verdict, mine.insns_processed) == (cell.verdict, cell.insns_processed)
            assert hidden(mine.log) == hidden(cell.log)


ATTACHED = """
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 1 << 20); } events SEC(".maps");
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} counts SEC(".maps");

SEC("kprobe/vfs_read") int reads(void *ctx)
{
	__u32 zero = 0;
	__u64 *count = bpf_map_lookup_elem(&counts, &zero);

	if (count)
		*count += 1;
	return 0;
}

SEC("tracepoint/syscalls/sys_enter_execve") int starts(void *ctx) { bpf_printk("a program starts"); return 0; }
SEC("fentry/vfs_write") int writes(void *ctx) { return 0; }
SEC("raw_tp/sched_process_exit") int exits(void *ctx) { return 0; }

static long each(__u32 index, void *ctx)
{
	__u64 *record = bpf_ringbuf_reserve(&events, 8, 0);

	if (record) {
		*record = index;
		bpf_ringbuf_submit(record, 0);
	}
	return 0;
}

SEC("tracepoint/syscalls/sys_enter_mkdir") int burst(void *ctx) { bpf_loop(10000, each, 0, 0); return 0; }
SEC("uprobe//bin/busybox:main") int never(void *ctx) { return 0; }
char LICENSE[] SEC("license") = "GPL";
"""


@pytest.fixture
def five(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "five.c"
    path.write_text(ATTACHED)
    yield path


def test_a_run_with_a_workload(states: list[State], five: Path) -> None:
    from vm.guests.images import busybox

    if busybox() is None:
        pytest.skip("there is no busybox for workloads")
    told = pipeline.real(build(five), states[-1], shell="/bin/busybox mkdir /tmp/a; /bin/busybox ls /")
    events = [event for events in told for event in events]
    attached = {event["program"]: event["ok"] for event in events if event["what"] == "attached"}
    assert attached == {"reads": True, "starts": True, "writes": True, "exits": True, "burst": True, "never": False}
    assert any("a program starts" in event["text"] for event in events if event["what"] == "printk")
    records = [event for event in events if event["what"] == "record"]
    (end,) = [event for event in events if event["what"] == "end"]
    assert [int.from_bytes(bytes.fromhex(each["bytes"]), "little") for each in records] == list(range(10000))
    assert end == {"what": "end", "lost": 0, "status": 0, "left_out": [0, 0], "stopped": ""}
    counts = [event for event in events if event["what"] == "map" and event["map"] == "counts"][-1]
    assert int.from_bytes(bytes.fromhex(counts["entries"][0]["value"]), "little") > 0
    assert json.dumps(events)


def test_a_workload_without_end_is_stopped(states: list[State], five: Path) -> None:
    from vm.guests.images import busybox

    if busybox() is None:
        pytest.skip("there is no busybox for workloads")
    started = time.monotonic()
    *_, (end,) = pipeline.real(build(five), states[-1], shell="while true; do /bin/busybox true & done", seconds=1)
    assert end["what"] == "end"
    assert end["status"] is None
    assert time.monotonic() - started < 30
    assert not qemus(states[-1].folder)
