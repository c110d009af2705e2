"""Hostile programs and workloads: each ends with a sentence within its limit, and leaves nothing behind."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from vm import pipeline
from vm.errors import LimitError
from vm.guests import broker
from vm.guests import linux as l
from vm.guests.images import busybox, images, missing
from vm.guests.states import State, prepare
from vm.guests.wire import GuestError, Request
from vm.pipeline import Build, BuildOptions, Source

pytestmark = [
    pytest.mark.guests,
    pytest.mark.skipif(bool(missing() or not busybox()), reason=missing() or "there is no busybox for workloads"),
]
ROOT = Path(__file__).parents[3]
SECONDS = 2.0
WORKLOADS = {
    "forks without end": "f() { f | f & }; f",
    "takes all memory": "/bin/busybox tail /dev/zero",
    "fills the file system": "/bin/busybox dd if=/dev/zero of=/tmp/x bs=1M; /bin/busybox dd if=/dev/zero of=/x bs=1M",
    "prints to the kernel's log": "while true; do /bin/busybox yes; done >/dev/kmsg",
    "prints to the console": "while true; do /bin/busybox yes; done >/dev/console",
    "crashes the kernel": "echo c >/proc/sysrq-trigger; sleep 9",
    "ends the guest": "/bin/busybox reboot -f; sleep 9",
    "stops the init": "kill -STOP 1; kill -KILL 1; sleep 9",
}
PRINTS = """
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
static int line(__u32 i, void *c) { bpf_printk("%d 01234567890123456789012345678901234567890123456789", i); return 0; }
SEC("tracepoint/syscalls/sys_enter_mkdir") int many(void *c) { bpf_loop(1 << 20, line, 0, 0); return 0; }
SEC("tracepoint/syscalls/sys_enter_execve") int starts(void *c) { return 0; }
char LICENSE[] SEC("license") = "GPL";
"""
HUGE = """
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 1 << 24); __type(key, __u64); __type(value, __u64[32]); }
	big SEC(".maps");
SEC("tracepoint/syscalls/sys_enter_execve") int starts(void *c) { return bpf_map_lookup_elem(&big, c) ? 1 : 0; }
char LICENSE[] SEC("license") = "GPL";
"""
SMALL = """
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
SEC("tracepoint/syscalls/sys_enter_execve") int starts(void *c) { bpf_printk("starts"); return 0; }
char LICENSE[] SEC("license") = "GPL";
"""


# Its only loop takes a third of the million of instructions, and each round is compared with the ones before.
BUSY = "\n".join(
    [
        "r6 = 0", "r7 = 0", *(f"*(u64 *)(r10 - {8 * slot}) = r7" for slot in range(1, 65)),
        "top:", "r6 += 1", "if r6 < 330000 goto top", "r0 = 0", "exit",
    ]
)  # fmt: skip


@pytest.fixture(scope="module")
def state() -> State:
    return prepare(images()[-1])


def build(text: str) -> Build:
    (made,) = pipeline.builds(Source("c", text.encode()), BuildOptions())
    assert not made.failed
    return made


def left() -> set[int]:
    """QEMU's processes."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/comm"):
        try:
            if path.read_text().startswith("qemu-system"):
                found.add(int(path.parent.name))
        except OSError:
            continue
    return found


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    before, files = left(), set(Path(tempfile.gettempdir()).iterdir())
    descriptors = len(os.listdir("/proc/self/fd"))
    yield
    new = {pid for pid in left() - before if os.getpgid(pid) and _ours(pid)}
    assert not new
    assert len(os.listdir("/proc/self/fd")) <= descriptors + 2
    made = {path.name for path in set(Path(tempfile.gettempdir()).iterdir()) - files}
    assert not {name for name in made if "qemu" in name}


def _ours(pid: int) -> bool:
    """Whether a process is a child of this one, for others may use guests too."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return False
    return int(fields[1]) == os.getpid()


def run(text: str, state: State, shell: str, seconds: float = SECONDS) -> str:
    """How a run ends: a sentence, "" at its end."""
    try:
        *_, (end,) = pipeline.real(build(text), state, shell=shell, seconds=seconds)
    except LimitError as error:
        return error.message
    assert end["what"] == "end"
    return ""


@pytest.mark.parametrize("shell", WORKLOADS.values(), ids=WORKLOADS)
def test_a_hostile_workload_ends_within_the_limit(shell: str, state: State) -> None:
    started = time.monotonic()
    said = run(SMALL, state, shell)
    assert time.monotonic() - started < SECONDS + 30
    assert said == "" or said.endswith("."), said


def test_a_crash_is_said(state: State) -> None:
    said = run(SMALL, state, WORKLOADS["crashes the kernel"])
    assert said == 'The guest\'s kernel gave up: "Kernel panic - not syncing: sysrq triggered crash".', said


def test_much_printed_text_is_cut_and_counted(state: State) -> None:
    started = time.monotonic()
    *told, (end,) = pipeline.real(build(PRINTS), state, shell="/bin/busybox mkdir /tmp/a", seconds=6)
    lines = [event["text"] for events in told for event in events if event["what"] == "printk"]
    assert sum(map(len, lines)) <= 2 << 20
    # What the reader was too slow for the kernel says in the text itself.
    assert end["left_out"][1] > 0 or any("LOST" in line for line in lines)
    assert time.monotonic() - started < 40


@pytest.mark.parametrize(("where", "most"), [("", "16 MiB"), (">/dev/console", "128 KiB")])
def test_a_run_that_prints_without_end_is_ended_before_its_time(where: str, most: str, state: State) -> None:
    shell = f"/bin/busybox yes 0123456789012345678901234567890123456789 {where}"
    *told, (end,) = pipeline.real(build(SMALL), state, shell=shell, seconds=60)
    assert end["status"] is None and end["stopped"].startswith(f"More than {most}")
    lines = [event["text"] for events in told for event in events if event["what"] == "shell"]
    assert sum(map(len, lines)) <= 2 << 20
    assert where or end["left_out"][1] > 14 << 20


@pytest.mark.parametrize("name", ["6.12", "7.3"])
def test_a_program_that_prints_for_hours_is_ended_soon_after_the_workload(name: str, states: dict[str, State]) -> None:
    if name not in states:
        pytest.skip(f"there is no Linux {name}")
    again = "static int again(__u32 i, void *c) { bpf_loop(1 << 23, line, 0, 0); return 0; }\nSEC("
    text = PRINTS.replace("SEC(", again, 1).replace("bpf_loop(1 << 20, line", "bpf_loop(1 << 23, again")
    started = time.monotonic()
    said = run(text, states[name], "/bin/busybox mkdir /tmp/a", seconds=1)
    # A kernel that preempts programs goes on answering: then the workload is stopped at its limit.
    assert said == "" or said.startswith("The guest did not answer within its time")
    assert time.monotonic() - started < 120  # some 15 s, where the machine does nothing else


def test_a_map_that_is_too_large_is_refused_by_the_kernel(state: State) -> None:
    events = [event for told in pipeline.real(build(HUGE), state, shell="true", seconds=2) for event in told]
    attached = [event for event in events if event["what"] == "attached"]
    assert not attached[0]["ok"] and "map" in attached[0]["why"]


def test_a_busy_verifier_is_told_in_its_cell_and_the_next_program_is_answered(state: State) -> None:
    busy, small = (Build(Source("asm", text.encode()), BuildOptions()) for text in (BUSY, "r0 = 0\nexit"))
    started = time.monotonic()
    (late,) = pipeline.matrix([busy], [state], seconds=2)
    assert time.monotonic() - started < 50
    # A machine that stands still may not even have begun.
    assert late.verdict == "limit" and late.message.startswith(("No answer within ", "What was asked before"))
    one, other = pipeline.matrix([busy, small], [state], seconds=2)
    assert (one.verdict, other.verdict) == ("limit", "limit") and "before" in other.message
    (clean,) = pipeline.matrix([small], [state])
    assert clean.verdict == "accept"


def test_there_are_no_more_guests_than_the_server_may_have(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(broker.MOST_VARIABLE, "2")
    first, second = broker.Broker(), broker.Broker()
    try:
        one, two = first.restore(state.folder, 20), second.restore(state.folder, 20)
        with pytest.raises(GuestError, match="in use"):
            second.restore(state.folder, 20, patience=0.5)
        timer = threading.Timer(1.0, one.stop)
        timer.start()
        three = second.restore(state.folder, 20, patience=10)
        timer.join()
        for ends in (one, two, three):
            ends.stop()
            ends.port.close()
            ends.console.close()
    finally:
        first.close()
        second.close()


def test_a_kernel_that_boots_ends_with_who_boots_it(tmp_path: Path) -> None:
    code = "from vm.guests.images import images; from vm.guests.states import prepare; import sys; "
    code += "prepare(images()[-1], __import__('pathlib').Path(sys.argv[1]), say=lambda text: print(text, flush=True))"
    command = [sys.executable, "-c", code, str(tmp_path)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process.stdout:
        assert "booting" in process.stdout.readline()
        until = time.monotonic() + 20
        while not _booting(tmp_path) and time.monotonic() < until:
            time.sleep(0.05)
        assert _booting(tmp_path)
        process.kill()
        process.wait()
    until = time.monotonic() + 10
    while _booting(tmp_path) and time.monotonic() < until:
        time.sleep(0.05)
    assert not _booting(tmp_path)


def _booting(folder: Path) -> bool:
    """Whether a QEMU reads from a folder."""
    for pid in left():
        try:
            if str(folder).encode() in Path(f"/proc/{pid}/cmdline").read_bytes():
                return True
        except OSError:
            continue
    return False


def test_jobs_in_a_row_leave_nothing_behind(state: State) -> None:
    number = int(os.environ.get("GUEST_JOBS", "10"))
    memory = _resident()
    for _ in range(number):
        with state.restore(60) as machine:
            request = Request()
            request.call(l.CLOSE, 99)
            machine.run(request)
    assert _resident() - memory < 20 << 20


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
