"""Programs that libbpf loads and an application puts in their place: the run does what the application would do."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from tests.vm.guests.firing import KERNELS, fires, on_guests, says, told
from vm import pipeline
from vm.guests.images import version_key
from vm.guests.options import NEEDS, lacking
from vm.guests.states import State
from vm.kernel import types as t
from vm.kernel.errno import EBADF
from vm.pipeline import BuildOptions, Source

SOCKETS = """
struct {
	__uint(type, BPF_MAP_TYPE_SOCKHASH); __uint(max_entries, 2); __type(key, __u64); __type(value, __u64);
} second SEC(".maps");
struct {
	__uint(type, BPF_MAP_TYPE_SOCKMAP); __uint(max_entries, 1); __type(key, __u32); __type(value, __u32);
} first SEC(".maps");
SEC("sk_msg") int message(struct sk_msg_md *c)
{
	if (c->size != 8) // "request\\n"
		SAY(other);
	SAY(message);
	bpf_msg_redirect_map(c, &first, 9, 0);
	return SK_PASS;
}
SEC("sk_skb/stream_parser") int parses(struct __sk_buff *c)
{
	SAY(parses);
	bpf_sk_redirect_hash(c, &second, &(__u64){ 9 }, 0);
	return c->len;
}
SEC("sk_skb/stream_verdict") int judges(struct __sk_buff *c)
{
	SAY(judges);
	bpf_sk_redirect_hash(c, &second, &(__u64){ 9 }, 0);
	return SK_PASS;
}
"""
ROUTES = fires(
    "struct __sk_buff", 0,
    acts="action", comes="lwt_in", leaves="lwt_out", second="lwt_out", sends="lwt_xmit", segment="lwt_seg6local",
) + fires("void", 0, infrared="lirc_mode2")  # fmt: skip
CALLS = """
SEC("freplace/counts") int replaces(struct __sk_buff *c) { SAY(replaces); return 3; }
SEC("freplace/nothing") int lost(struct __sk_buff *c) { return 3; }
SEC("syscall") int called(void *c) { SAY(called); return *(int *)c + 7; }
SEC("socket") int tail(struct __sk_buff *c) { SAY(tail); return 0; }
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY); __uint(max_entries, 2); __uint(key_size, 4); __array(values, int(void *));
} tails SEC(".maps") = { .values = { [1] = (void *)&tail } };
__noinline int counts(struct __sk_buff *c) { volatile int n = 1; return n; }
SEC("socket") int calls(struct __sk_buff *c)
{
	if (counts(c) == 3)
		SAY(replaced);
	bpf_tail_call(c, &tails, 1);
	SAY(no_tail);
	return 0;
}
"""


@pytest.mark.parametrize("name", KERNELS)
@on_guests
def test_programs_for_sockets_get_a_connection(state: State) -> None:
    attached, said = told(says(SOCKETS), state, workload="network")
    assert attached == {"message": "", "parses": "", "judges": ""}
    # Only one of the two sockets has room in the first map: what the other one sends does not run the program.
    assert said == {"message", "parses", "judges"}


@pytest.mark.parametrize("name", KERNELS)
@on_guests
def test_programs_of_routes_and_actions_fire(state: State) -> None:
    attached, said = told(says(ROUTES), state, workload="network")
    assert "takes one" in attached.pop("second")
    assert attached.pop("infrared").endswith(
        "was built without CONFIG_BPF_LIRC_MODE2, which programs of this type need."
    )
    assert said == set(attached) and not any(attached.values()), attached


@pytest.mark.parametrize("name", ["7.0", "7.1"])
@on_guests
def test_without_the_pair_routes_of_the_loopback_device_are_used(state: State) -> None:
    attached, said = told(says(ROUTES), state, workload="network")
    assert "no module act_bpf" in attached["acts"]
    assert said == {"comes", "leaves", "sends", "segment"}


@pytest.mark.parametrize("name", KERNELS)
@on_guests
def test_functions_are_replaced_and_program_arrays_filled(name: str, state: State) -> None:
    attached, said = told(says(CALLS), state, "/bin/busybox ping -c 1 -W 2 127.0.0.1")
    assert "has a function 'nothing'" in attached.pop("lost")
    old = version_key(name) < version_key("5.14")
    assert attached.pop("called").endswith("which Linux 5.14 brought." if old else "")
    assert not any(attached.values()), attached
    assert said == {"replaces", "replaced", "tail", *(() if old else ("called",))}


TRACED = 'SEC("tracepoint/syscalls/sys_enter_execve") int starts(void *c) { SAY(starts); return 0; }'


@on_guests
def test_a_line_of_shell_has_the_network_whatever_the_programs_are(states: dict[str, State]) -> None:
    (build,) = pipeline.builds(Source("c", says(TRACED).encode()), BuildOptions())
    state = next(iter(states.values()))
    line = "/bin/busybox ip -o link show veth0; /bin/busybox ip -o link show lo"
    events = [event for some in pipeline.real(build, state, shell=line, seconds=20) for event in some]
    shown = " ".join(event["text"] for event in events if event["what"] == "shell")
    assert "veth0" in shown and "LOOPBACK,UP" in shown
    # Tracing programs run with the other workloads, which need none.
    assert told(says(TRACED), state, workload="files") == ({"starts": ""}, {"starts"})


ALONE = """
SEC("socket") int tail(struct __sk_buff *c) { return 0; }
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY); __uint(max_entries, 2); __uint(key_size, 4); __array(values, int(void *));
} tails SEC(".maps") = { .values = { [1] = (void *)&tail } };
SEC("socket") int calls(struct __sk_buff *c) { bpf_tail_call(c, &tails, 1); return 0; }
"""


@pytest.mark.parametrize("name", KERNELS)
@on_guests
def test_an_array_that_waits_for_another_program_is_refused_as_by_libbpf(state: State) -> None:
    (build,) = pipeline.builds(Source("c", says(ALONE).encode()), BuildOptions())
    cells = {cell.program: cell for cell in pipeline.matrix([build], [state])}
    assert (cells["tail"].verdict, cells["tail"].errno) == ("accept", 0)
    assert (cells["calls"].verdict, cells["calls"].errno) == ("reject", -EBADF)
    assert "slot 1 of 'tails'" in cells["calls"].message and "processed 5 insns" in cells["calls"].log
    emulated = pipeline.load(build.source, build.options, build.compiled)
    (own,) = pipeline.check_object(emulated, "calls", alone=True)
    assert own.errno == -EBADF


RAW = """
SEC("socket") __attribute__((naked)) int raw(void *c)
{
	asm volatile(".8byte 0x1118; .8byte 0; r0 = 0; exit;"); // r1 = the map of descriptor 0
}
"""


@on_guests
def test_a_descriptor_that_stands_in_the_code_goes_as_it_is(states: dict[str, State]) -> None:
    (build,) = pipeline.builds(Source("c", says(RAW).encode()), BuildOptions())
    (cell,) = pipeline.matrix([build], [list(states.values())[-1]])
    assert cell.verdict == "reject" and cell.message == "fd 0 is not pointing to valid bpf_map"


class _Kernel:
    """A kernel with some symbols."""

    def __init__(self, release: str, *symbols: str) -> None:
        self.name, self.state, self._symbols = f"Linux {release}", SimpleNamespace(release=release), symbols

    def address(self, name: str) -> int | None:
        return 1 if name in self._symbols else None


@pytest.mark.parametrize("prog_type", NEEDS)
def test_what_a_kernel_lacks_is_named(prog_type: int) -> None:
    need = NEEDS[prog_type]
    new: Any = _Kernel("7.3.1")
    assert need.option in lacking(new, prog_type)
    there: Any = _Kernel("7.3.1", need.symbol)
    assert lacking(there, prog_type) == ""
    if need.since:
        old: Any = _Kernel("5.10.0")
        assert need.since in lacking(old, prog_type) and need.option not in lacking(old, prog_type)
    assert lacking(new, t.BPF_PROG_TYPE_XDP) == ""
