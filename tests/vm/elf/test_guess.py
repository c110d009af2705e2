"""Section names that libbpf 1.x refuses: what was meant, and how it is said."""

from __future__ import annotations

import pytest

from tests.vm.elf.objects import PRELUDE, build
from vm.csource.text import apply
from vm.elf import load_object
from vm.elf.guess import _USUAL, contexts, guess
from vm.elf.sections import section_def
from vm.errors import InputError
from vm.kernel import types as k

# (section, struct of the context) -> what was meant
MEANT = {
    ("xdp_drop", "xdp_md"): "xdp",
    ("prog", "xdp_md"): "xdp",
    ("XDP", "xdp_md"): "xdp",
    ("ingress", "__sk_buff"): "tc/ingress",
    ("tc_egress", "__sk_buff"): "tc/egress",
    ("classifer", "__sk_buff"): "classifier",
    ("socket1", "__sk_buff"): "socket",
    ("from-container", "__sk_buff"): "tc",
    ("kprobe_vfs_read", "pt_regs"): "kprobe/vfs_read",
    ("kprobes/vfs_read", "pt_regs"): "kprobe/vfs_read",
    ("kretprobe__x", "pt_regs"): "kretprobe/x",
    ("probe", "pt_regs"): "kprobe",
    ("whatever", "pt_regs"): "kprobe",
    ("tracepoint:sched:sched_switch", ""): "tracepoint/sched/sched_switch",
    ("trace", "trace_event_raw_sys_enter"): "tracepoint",
    ("tp_sched_switch", "trace_event_raw_sched_switch"): "tp",
    ("dump", "bpf_iter__task"): "iter/task",
    ("cgroup/conect4", "bpf_sock_addr"): "cgroup/connect4",
    ("lsm-file_open", ""): "lsm/file_open",
    ("fentyr/do_exit", ""): "fentry/do_exit",
    ("raw_tracepoints/sys_enter", "bpf_raw_tracepoint_args"): "raw_tracepoint/sys_enter",
    ("perf", "bpf_perf_event_data"): "perf_event",
    ("nf", "bpf_nf_ctx"): "netfilter",
    ("foo", ""): None,
    ("my_prog", "event"): None,
}


@pytest.mark.parametrize(("section", "context"), MEANT)
def test_what_was_meant(section: str, context: str) -> None:
    assert section_def(section) is None, "libbpf takes this name"
    found = guess(section, context)
    assert (found.section if found else None) == MEANT[section, context]
    if found is not None:
        assert section_def(found.section) == found.definition


def test_every_context_of_the_kernel_leads_to_a_program_type_that_has_it() -> None:
    assert len(contexts()) >= 24
    for context in set(contexts().values()):
        found = guess("nothing like it", context)
        assert found is not None, context
        assert contexts()[found.definition.prog_type] == context
    assert set(_USUAL) <= set(contexts().values())
    assert all(section_def(name) for name in _USUAL.values())


SOURCE = """
SEC("xdp_drop") int first(struct xdp_md *ctx) { return 1; }
// SEC("xdp_drop") int second(struct xdp_md *ctx)
SEC("xdp_drop")
int second(struct xdp_md *ctx)
{
    return ctx->data ? 2 : 1;
}
SEC("unknown") int third(void *ctx) { return 0; }
"""


def test_a_refused_section_is_loaded_as_what_was_meant_and_said_with_a_fix() -> None:
    whole = PRELUDE + SOURCE
    obj = load_object(build(SOURCE), "p", guess=True, source=whole)
    assert [(p.name, p.section, p.prog_type) for p in obj.programs] == [
        ("first", "xdp", k.BPF_PROG_TYPE_XDP),
        ("second", "xdp", k.BPF_PROG_TYPE_XDP),
    ]
    assert [name for name, _ in obj.errors] == ["third"]
    first, second, third = obj.remarks
    assert (first.program, second.program, third.program) == ("first", "second", "third")
    assert "libbpf 1.x" in first.message and "'xdp_drop'" in first.message and "struct xdp_md" in first.message
    assert second.line == whole.split("\n").index('SEC("xdp_drop")') + 1
    assert first.fix is not None and second.fix is not None and third.fix is None
    fixed = apply(apply(whole, first.fix), second.fix)
    assert fixed.count('SEC("xdp") int first') == 1 and 'SEC("xdp")\nint second' in fixed
    assert '// SEC("xdp_drop")' in fixed
    assert not load_object(build(fixed, prelude=False), "p", guess=True, source=fixed).remarks[1:]


def test_without_a_guess_the_callers_choice_stands() -> None:
    obj = load_object(build(SOURCE), "p", "socket")
    assert {p.prog_type for p in obj.programs} == {k.BPF_PROG_TYPE_SOCKET_FILTER}
    assert obj.untyped == (("first", "xdp_drop"), ("second", "xdp_drop"), ("third", "unknown"))
    assert obj.remarks == ()
    assert len(load_object(build(SOURCE), "p").errors) == 3
    with pytest.raises(InputError, match="no section name"):
        load_object(build(SOURCE), "p", "nonsense")


def test_a_choice_stands_in_where_nothing_says_what_was_meant() -> None:
    obj = load_object(build(SOURCE), "p", "socket", guess=True)
    assert [p.prog_type for p in obj.programs] == [k.BPF_PROG_TYPE_XDP] * 2 + [k.BPF_PROG_TYPE_SOCKET_FILTER]
    assert obj.untyped == ()  # the remark says it
    assert 'SEC("socket")' in obj.remarks[2].message and obj.remarks[0].fix is None
