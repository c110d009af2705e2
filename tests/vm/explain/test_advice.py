"""Explanations follow from the facts at the failing instruction: what is there already is never asked for."""

from __future__ import annotations

import pytest

from tests.corpus import first
from tests.vm.explain.refusals import refused, refused_c
from vm.caps import Caps
from vm.explain.context_fields import field_at
from vm.explain.permissions import INSTEAD
from vm.explain.program_types import named_types, types_with
from vm.kernel.helpers import helper_by_name, program_types
from vm.trace.records import Failure
from vm.trace.root_cause import CauseKind

# -- packets -------------------------------------------------------------------


# Byte by byte the walk has 393,220 instructions.
@pytest.mark.parametrize("stride", first([64, 1]))
def test_a_loop_to_the_packet_s_end_is_not_told_to_add_the_check_it_has(stride: int) -> None:
    failure = refused_c(
        """SEC("xdp") int scan(struct xdp_md *ctx) {
            unsigned char *p = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
            int sum = 0;
            while (p + STRIDE <= end) { sum += *p; p += STRIDE; }
            return sum ? XDP_PASS : XDP_DROP;
        }""".replace("STRIDE", str(stride))
    )
    assert failure.rule == "packet-access-out-of-range"
    assert "comparison in line 6 is not enough" in failure.explanation
    assert "until it is 65,536 bytes into the packet" in failure.explanation
    assert "first 65,535 bytes" in failure.explanation
    assert failure.cause.kind is CauseKind.UNBOUNDED_LOOP
    assert "a bound on the rounds of the loop" in failure.needed
    assert f"i < {1500 if stride == 1 else 1023} && p + {stride} <= data_end" in failure.needed
    assert "has to be checked" not in failure.needed


@pytest.mark.parametrize(
    "body", ["p += 70000; if (p + 1 > end) return XDP_DROP;", "p += 65500; if (p + 64 > end) return 1;"]
)
def test_without_a_loop_none_is_told_to_end(body: str) -> None:
    failure = refused_c(
        """SEC("xdp") int f(struct xdp_md *ctx) {
            unsigned char *p = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
            BODY
            return *p ? XDP_PASS : XDP_DROP;
        }""".replace("BODY", body)
    )
    assert failure.rule == "packet-access-out-of-range"
    assert "comparison in line 5 proves nothing here" in failure.explanation
    assert "first 65,535 bytes" in failure.explanation
    assert "loop" not in failure.explanation + failure.needed
    assert failure.needed == "an access within the first 65,535 bytes of the packet"


@pytest.mark.parametrize(
    ("body", "ends"),
    [
        ("if (p + 14 > end) return 1; return p[70000];", "the access ends 70,001 bytes"),
        ("return p[70000];", "the access ends 70,001 bytes"),
        ("unsigned n = ctx->rx_queue_index; if (n > 65530 || p + n + 4 > end) return 1; return p[n] + p[n + 8];",
         "the access may end 65,539 bytes"),
    ],
)  # fmt: skip
def test_a_comparison_of_nearer_bytes_is_not_said_to_be_of_the_far_ones(body: str, ends: str) -> None:
    failure = refused_c(
        """SEC("xdp") int f(struct xdp_md *ctx) {
            unsigned char *p = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
            BODY
        }""".replace("BODY", body)
    )
    assert f"No comparison helps: {ends} into the packet" in failure.explanation
    assert "in line 5" not in failure.explanation


def test_a_comparison_so_far_behind_a_number_that_it_counts_no_more() -> None:
    failure = refused_c(
        """SEC("xdp") int f(struct xdp_md *ctx) {
            unsigned char *p = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
            unsigned int n = ctx->rx_queue_index;
            if (n > 65500) return XDP_DROP;
            p += n;
            if (p + 64 > end) return XDP_DROP;
            return *p ? XDP_PASS : XDP_DROP;
        }"""
    )
    assert "proves nothing here" in failure.explanation
    assert "may lie up to 65,564 bytes into the packet" in failure.explanation
    assert "with everything added; here it may be 65,564" in failure.needed


def test_an_offset_too_large_for_a_comparison_to_count() -> None:
    failure = refused_c(
        """SEC("xdp") int f(struct xdp_md *ctx) {
            unsigned char *end = (void *)(long)ctx->data_end;
            unsigned char *p = (unsigned char *)(long)ctx->data + ctx->rx_queue_index;
            if (p + 1 > end) return XDP_DROP;
            return *p ? XDP_PASS : XDP_DROP;
        }"""
    )
    assert failure.rule == "packet-access-out-of-range"
    assert "may lie up to 4,294,967,295 bytes into the packet" in failure.explanation
    assert "an upper bound for what is added" in failure.needed
    assert "has to be checked" not in failure.needed


TWO_POINTERS = """
    r2 = *(u32 *)(r1 + 0)
    r3 = *(u32 *)(r1 + 4)
    r4 = *(u32 *)(r1 + 16)
    r4 &= 63
    r5 = r2
    r5 += r4
    r6 = r5
    r6 += 1
    if r6 > r3 goto out
    r7 = r2
    r7 += r4
    r0 = *(u8 *)(r7 + 0)
out:
    r0 = 2
    exit
"""


def test_a_comparison_of_another_pointer_is_named() -> None:
    failure = refused(TWO_POINTERS)
    assert failure.rule == "packet-access-out-of-range"
    assert failure.reg == "r7"
    assert "for another pointer: r7 got an offset of its own" in failure.explanation


def test_a_pointer_loaded_again_after_the_comparison() -> None:
    failure = refused(
        """
        r6 = r1
        r2 = *(u32 *)(r6 + 0)
        r3 = *(u32 *)(r6 + 4)
        r4 = r2
        r4 += 14
        if r4 > r3 goto out
        r2 = *(u32 *)(r6 + 0)
        r0 = *(u8 *)(r2 + 12)
    out:
        r0 = 2
        exit
        """
    )
    assert "was enough for the pointers there were; r2 was loaded from the context again" in failure.explanation
    assert "load data once" in failure.needed


def test_a_comparison_of_32_bits_is_named() -> None:
    """What clang makes of pointers that come straight from the context, from -mcpu=v3 on."""
    failure = refused_c(
        """SEC("xdp") int sum(struct xdp_md *ctx) {
            unsigned char *p = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
            int s = 0;
            while (p < end) { s += *p; p++; }
            return s & 1 ? XDP_DROP : XDP_PASS;
        }"""
    )
    assert "line 6 proves nothing about the packet" in failure.explanation
    assert "only the lower 32 bits of the pointers" in failure.explanation


def test_a_comparison_of_the_packet_s_start_itself_proves_no_byte() -> None:
    text = "r2 = *(u32 *)(r1 + 4)\nr3 = *(u32 *)(r1 + 0)\nr0 = 2\n{}\nr4 = *(u8 *)(r3 + 0)\nout: exit\n"
    for jump in ("if r3 >= r2 goto out", "if r2 <= r3 goto out"):
        failure = refused(text.format(jump))
        assert "only bytes in front of the compared pointer count" in failure.explanation
        assert "r3 has none in front of it" in failure.explanation


def test_a_comparison_whose_other_branch_has_the_proof() -> None:
    failure = refused(
        "r2 = *(u32 *)(r1 + 4)\nr3 = *(u32 *)(r1 + 0)\nr0 = 2\nr5 = r3\nr5 += 1\n"
        "if r5 <= r2 goto out\nr4 = *(u8 *)(r3 + 0)\nout: exit\n"
    )
    assert "it holds where its other branch goes on" in failure.explanation


def test_a_call_that_moves_the_packet_takes_the_proof_away() -> None:
    failure = refused(
        """
        r6 = r1
        r7 = *(u32 *)(r6 + 0)
        r3 = *(u32 *)(r6 + 4)
        r4 = r7
        r4 += 14
        if r4 > r3 goto out
        r1 = r6
        r2 = 0
        call bpf_xdp_adjust_head
        r7 = *(u32 *)(r6 + 0)
        r0 = *(u8 *)(r7 + 12)
    out:
        r0 = 2
        exit
        """
    )
    assert "bpf_xdp_adjust_head() in line 11 may move the packet" in failure.explanation
    assert "the comparison with data_end again" in failure.needed


@pytest.mark.parametrize(
    ("jump", "explanation"),
    [
        ("if r4 > r3 goto +1", "proves 14 bytes; the access ends at byte 24"),
        ("if r3 >= r4 goto out", "proves nothing on this path"),
    ],
)
def test_a_comparison_for_fewer_bytes_and_one_of_the_other_branch(jump: str, explanation: str) -> None:
    failure = refused(
        f"""
        r2 = *(u32 *)(r1 + 0)
        r3 = *(u32 *)(r1 + 4)
        r4 = r2
        r4 += 14
        {jump}
        r0 = *(u8 *)(r2 + 23)
    out:
        r0 = 2
        exit
        """
    )
    assert explanation in failure.explanation


def test_no_comparison_at_all() -> None:
    failure = refused("r2 = *(u32 *)(r1 + 0)\nr0 = *(u8 *)(r2 + 1)\nexit")
    assert failure.explanation == "On this path no packet pointer is compared with data_end before the access."
    assert "data + 2 <= data_end has to be checked" in failure.needed


# -- helpers -------------------------------------------------------------------

PROBE = """
    r1 = r10
    r1 += -8
    r2 = 8
    r3 = 0
    call bpf_probe_read
    r0 = 2
    exit
"""


def test_a_helper_the_program_type_does_not_have() -> None:
    failure = refused(PROBE)
    assert failure.rule == "helper-not-for-program-type"
    assert "XDP programs cannot call bpf_probe_read(); program types that can: kprobe and uprobe" in failure.explanation
    assert "bpf_xdp_load_bytes()" in failure.needed
    assert "licence" not in failure.explanation + failure.needed


def test_a_helper_that_takes_a_capability() -> None:
    failure = refused("r1 = r10\nr1 += -8\nr2 = 8\ncall bpf_trace_printk\nr0 = 0\nexit", "socket", Caps({"bpf"}))
    assert failure.explanation == "bpf_trace_printk() requires CAP_BPF and CAP_PERFMON in socket filter programs."
    assert failure.needed == "CAP_BPF and CAP_PERFMON for the user who loads the program"


def test_a_helper_for_gpl_programs_names_the_licence() -> None:
    failure = refused_c(
        'SEC("kprobe/x") int f(void *ctx) { bpf_printk("x"); return 0; }',
        '\nchar LICENSE[] SEC("license") = "Proprietary";\n',
    )
    assert failure.rule == "helper-gpl-only"
    assert "the license of this program is 'Proprietary'" in failure.explanation
    assert "GPL-compatible" in failure.needed


def test_tables_name_helpers_and_program_types_that_exist() -> None:
    assert {name for _, names, _ in INSTEAD for name in names if helper_by_name(name) is None} == set()
    assert {kind for kinds, _, _ in INSTEAD for kind in kinds} <= named_types()
    assert program_types() <= named_types()
    for kinds, names, _ in INSTEAD:
        for name in names:
            known = helper_by_name(name)
            assert known is not None
            assert not kinds <= set(types_with(known.id)), name


# -- fields of the context -----------------------------------------------------


@pytest.mark.parametrize(
    ("text", "prog_type", "explanation", "needed"),
    [
        (
            "*(u32 *)(r1 + 16) = 1\nr0 = 2\nexit",
            "xdp",
            "xdp_md.rx_queue_index may be read by XDP programs, but not written.",
            "this program type has none in struct xdp_md",
        ),
        (
            "*(u32 *)(r1 + 0) = 1\nr0 = 2\nexit",
            "tc",
            "__sk_buff.len may be read by tc programs, but not written.",
            "mark, queue_mapping, priority, tc_index, cb, tc_classid, tstamp",
        ),
        (
            "r0 = *(u64 *)(r1 + 16)\nexit",
            "xdp",
            "xdp_md.rx_queue_index has 4 bytes (__u32); 8 bytes at offset 16 reach beyond it.",
            "an access of 4 bytes at offset 16: the whole field",
        ),
        (
            "r0 = *(u16 *)(r1 + 0)\nexit",
            "xdp",
            "xdp_md.data has 4 bytes (__u32); bytes 0 to 1 of it cannot be read alone.",
            "the whole field",
        ),
        (
            "r0 = *(u32 *)(r1 + 24)\nexit",
            "xdp",
            "struct xdp_md, the context of XDP programs, has 24 bytes; the access is at offset 24.",
            "an offset within struct xdp_md",
        ),
        (
            "r0 = *(u32 *)(r1 + 72)\nexit",
            "socket",
            "socket filter programs may not read __sk_buff.tc_classid.",
            "a field that this program type has",
        ),
    ],
)
def test_a_field_of_the_context_is_named(text: str, prog_type: str, explanation: str, needed: str) -> None:
    failure = refused(text, prog_type)
    assert failure.rule == "context-access"
    assert needed in failure.needed
    assert explanation == failure.explanation


def test_fields_are_found_in_the_kernel_s_types() -> None:
    found = field_at("__sk_buff", 52)
    assert found is not None
    assert (found.name, found.start, found.size, found.type) == ("cb", 48, 20, "__u32[5]")
    assert field_at("xdp_md", 99) is None


# -- results -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("section", "value", "parts", "needed"),
    [
        (
            "fentry/do_unlinkat",
            "-1",
            ("fentry programs have to return 0 (the result is not used", "which is -1 as an int"),
            "0 on every path",
        ),
        (
            "cgroup_skb/ingress",
            "-1",
            ("cgroup_skb programs have to return 0 or 1 (0 drops the packet, 1 lets it pass)", "-1 as an int"),
            "0 or 1 on every path",
        ),
        ("lsm/file_open", "5", ("0 allows, a negative errno value denies", "here it is exactly 5"), "-4,095 to 0"),
    ],
)
def test_a_result_out_of_range(section: str, value: str, parts: tuple[str, ...], needed: str) -> None:
    failure = refused_c(f'SEC("{section}") int f(void *ctx) {{ return {value}; }}')
    assert failure.rule == "return-value-out-of-range"
    assert all(part in failure.explanation for part in parts), failure.explanation
    assert needed in failure.needed
    assert "argument" not in failure.explanation + failure.needed


# -- pointers ------------------------------------------------------------------

LOOKUP = """
    .map m array 4 64 1
    r1 = 0
    *(u32 *)(r10 - 4) = r1
    r2 = r10
    r2 += -4
    r1 = map[m] ll
    call bpf_map_lookup_elem
"""


def test_a_pointer_that_may_be_null_and_who_gave_it() -> None:
    failure = refused(LOOKUP + "r0 = *(u64 *)(r0 + 0)\nexit")
    assert failure.rule == "invalid-memory-access"
    assert failure.explanation == (
        "r0 may be NULL, as bpf_map_lookup_elem() in line 9 gave it, and nothing on this path compares it with 0."
    )
    assert "a check that r0 is not NULL" in failure.needed


def test_a_comparison_with_null_of_another_pointer() -> None:
    failure = refused(
        LOOKUP
        + """
        r6 = r0
        r2 = r10
        r2 += -4
        r1 = map[m] ll
        call bpf_map_lookup_elem
        if r0 == 0 goto out
        r0 = *(u64 *)(r6 + 0)
    out:
        r0 = 0
        exit
        """
    )
    assert "the comparison with 0 in line 16 is of another pointer" in failure.explanation


def test_an_address_read_from_the_context_of_a_tracing_program() -> None:
    failure = refused("r1 = *(u64 *)(r1 + 16)\nr0 = *(u32 *)(r1 + 0)\nexit", "tracepoint")
    assert "r1 is what line 2 loads from the context" in failure.explanation
    assert "bpf_probe_read_kernel()" in failure.needed


def test_an_address_read_from_a_kernel_object() -> None:
    failure = refused_c(
        """SEC("lsm/file_open") int BPF_PROG(opened, struct file *file, int ret) {
            const unsigned char *name = file->f_path.dentry->d_name.name;
            return name[0] == 'x' ? -1 : 0;
        }""",
        head='#include "vmlinux.h"\n#include <bpf/bpf_helpers.h>\n#include <bpf/bpf_tracing.h>\n',
    )
    assert "loads from a kernel object" in failure.explanation
    assert "bpf_probe_read_kernel()" in failure.needed


def test_a_packet_pointer_that_a_call_took_away() -> None:
    failure = refused(
        """
        r6 = *(u32 *)(r1 + 0)
        r3 = *(u32 *)(r1 + 4)
        r4 = r6
        r4 += 14
        if r4 > r3 goto out
        r2 = 0
        call bpf_xdp_adjust_head
        r0 = *(u8 *)(r6 + 0)
    out:
        r0 = 2
        exit
        """
    )
    assert failure.rule == "invalid-memory-access"
    assert "bpf_xdp_adjust_head() in line 9 may move the packet: r6 was a pointer into it" in failure.explanation


def test_a_size_beyond_the_top_of_the_frame() -> None:
    failure = refused(
        """
        r6 = *(u32 *)(r1 + 0)
        r2 = 0
        r3 = r10
        r3 += -64
        r4 = r6
        r4 &= 127
        r4 += 1
        call bpf_skb_load_bytes
        r0 = 0
        exit
        """,
        "tc",
    )
    assert failure.rule == "stack-access-out-of-range"
    assert failure.explanation == (
        "r4 may be as large as 128, and from fp-64 to the top of the frame there are 64 bytes. "
        "The bound comes from line 8."
    )
    assert "from -512 to -128 for 128 bytes" in failure.needed


# -- limits --------------------------------------------------------------------


def test_a_loop_that_changes_nothing() -> None:
    failure = refused("r0 = 0\nagain:\nif r1 != 0 goto again\nexit")
    assert failure.rule == "infinite-loop"
    assert "with the very same state" in failure.explanation
    assert "a loop whose end the verifier can see" in failure.needed


# -- arguments and trust --------------------------------------------------------

TRACING = "#include <vmlinux.h>\n#include <bpf/bpf_helpers.h>\n#include <bpf/bpf_tracing.h>\n"
ACQUIRE = (
    "extern struct task_struct *bpf_task_acquire(struct task_struct *p) __ksym;\n"
    "extern struct cgroup *bpf_cgroup_acquire(struct cgroup *c) __ksym;\n"
)


def refused_traced(text: str) -> Failure:
    return refused_c(text, head=TRACING + ACQUIRE)


def test_memory_that_a_helper_writes_is_not_said_to_be_read() -> None:
    failure = refused_traced(
        'SEC("tp_btf/sched_switch") int BPF_PROG(t, bool p, struct task_struct *a)'
        " { return bpf_probe_read_kernel(0, 8, &a->pid); }"
    )
    assert "bytes that it may write" in failure.explanation and "may read" not in failure.explanation


def test_a_member_that_rcu_does_not_keep_is_not_told_to_open_a_section() -> None:
    text = "{ return bpf_task_acquire(task->last_wakee) != 0; }"
    failure = refused_traced('SEC("tp_btf/task_newtask") int BPF_PROG(t, struct task_struct *task)' + text)
    assert failure.rule == "argument-not-rcu"
    assert "RCU does not keep" in failure.explanation and "bpf_rcu_read_lock" not in failure.needed
    # A program that may sleep has no section yet.
    text = "{ return bpf_task_acquire(task->real_parent) != 0; }"
    failure = refused_traced('SEC("lsm.s/task_alloc") int BPF_PROG(t, struct task_struct *task)' + text)
    assert failure.rule == "argument-not-rcu" and "bpf_rcu_read_lock" in failure.needed


def test_another_struct_is_named() -> None:
    failure = refused_traced(
        'SEC("tp_btf/task_newtask") int BPF_PROG(t, struct task_struct *task)'
        " { return bpf_cgroup_acquire((void *)task) != 0; }"
    )
    assert "takes a pointer to a struct cgroup, and r1 points to a struct task_struct" in failure.explanation


def test_a_pointer_of_the_context_that_may_be_null_has_its_line() -> None:
    failure = refused_c('SEC("sk_lookup") int t(struct bpf_sk_lookup *c)\n{\n\treturn c->sk->family;\n}\n')
    assert failure.explanation.startswith("r1 may be NULL, as line 5 loaded it from the context, and nothing")


def test_an_object_that_a_tree_keeps_is_not_given_back() -> None:
    text = """
struct entry { struct bpf_rb_node node; __u64 key; };
extern void *bpf_obj_new_impl(__u64 type, void *meta) __ksym;
extern int bpf_rbtree_add_impl(struct bpf_rb_root *root, struct bpf_rb_node *node,
    bool (*less)(struct bpf_rb_node *, const struct bpf_rb_node *), void *meta, __u64 off) __ksym;
SEC(".data.tree") __attribute__((visibility("hidden"), aligned(8))) struct bpf_spin_lock lock;
SEC(".data.tree") __attribute__((visibility("hidden"), aligned(8), btf_decl_tag("contains:entry:node")))
    struct bpf_rb_root root;
static bool less(struct bpf_rb_node *a, const struct bpf_rb_node *b) { return a != b; }
SEC("tc") int t(struct __sk_buff *skb)
{
    struct entry *e = bpf_obj_new_impl(__builtin_btf_type_id(*(struct entry *)0, 0), 0);
    if (!e)
        return 0;
    bpf_spin_lock(&lock);
    bpf_rbtree_add_impl(&root, &e->node, less, 0, 0);
    bpf_spin_unlock(&lock);
    return e->key;
}
"""
    failure = refused_c(text, head=TRACING)
    assert failure.explanation.startswith("bpf_rbtree_add() in line 19 gives the object to the list or tree")
    assert "gives it back" not in failure.needed
