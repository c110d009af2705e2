"""Contexts, sockets and hooks: what is said of the mistakes that programs with them have."""

from __future__ import annotations

import pytest

from tests.vm.explain.refusals import LICENCE, refused_c
from vm.elf.sections import SECTION_DEFS
from vm.explain.program_types import SLEEPABLE
from vm.trace.root_cause import CauseKind

VMLINUX = '#include "vmlinux.h"\n#include <bpf/bpf_helpers.h>\n#include <bpf/bpf_tracing.h>\n'


def test_a_socket_that_is_loaded_again_after_its_comparison() -> None:
    failure = refused_c(
        'SEC("sk_lookup") int f(struct bpf_sk_lookup *ctx) { if (ctx->sk)\nreturn ctx->sk->state == 10; return 1; }',
        head=VMLINUX,
    )
    assert failure.cause.kind is CauseKind.READ_AGAIN
    assert "read from the same place before" in failure.explanation
    assert failure.needed == "the pointer read once into a variable, which is compared and then used"


def test_a_socket_that_is_loaded_once_and_not_compared() -> None:
    failure = refused_c('SEC("sk_lookup") int f(struct bpf_sk_lookup *ctx) { return ctx->sk->state == 10; }')
    assert failure.cause.kind is CauseKind.MISSING_CHECK


def test_metadata_compared_with_the_end_of_the_packet() -> None:
    failure = refused_c(
        """SEC("xdp") int f(struct xdp_md *ctx) {
            __u32 *meta = (void *)(long)ctx->data_meta;
            if ((void *)(meta + 1) > (void *)(long)ctx->data_end) return XDP_ABORTED;
            return *meta ? XDP_PASS : XDP_DROP;
        }"""
    )
    assert failure.cause.kind is CauseKind.CHECK_OF_ANOTHER_VALUE
    assert "it is with data_end" in failure.explanation
    assert failure.needed == "a comparison with data: if (data_meta + length > data)"


def test_a_number_subtracted_from_the_end_of_the_packet() -> None:
    failure = refused_c(
        """SEC("xdp") int f(struct xdp_md *ctx) {
            char *p = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
            return p > end - 20 ? XDP_DROP : *p & 3;
        }"""
    )
    assert failure.rule == "pointer-arithmetic-on-type"
    assert "is the end of the packet" in failure.explanation
    assert "if (data + length > data_end) instead of" in failure.needed


def test_the_farthest_byte_is_named_with_everything_added() -> None:
    failure = refused_c(
        """SEC("xdp") int f(struct xdp_md *ctx) {
            char *p = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
            if (p + 2 > end) return XDP_DROP;
            p += 30000 + *(__u16 *)p % 50000;
            return p + 1 > end ? XDP_DROP : *p & 3;
        }"""
    )
    assert "here it may be 95,536" in failure.needed


def test_a_helper_of_other_hooks_of_the_same_type() -> None:
    failure = refused_c(
        """SEC("cgroup/bind4") int f(struct bpf_sock_addr *ctx) {
            char address[16] = {};
            return bpf_bind(ctx, (void *)address, sizeof(address)) == 0;
        }"""
    )
    assert failure.explanation.startswith("cgroup socket address programs can call bpf_bind() at some hooks only")
    assert failure.needed.endswith(": BPF_CGROUP_INET4_CONNECT, BPF_CGROUP_INET6_CONNECT")


def test_the_member_of_a_union_that_may_be_written_is_named() -> None:
    failure = refused_c('SEC("sockops") int f(struct bpf_sock_ops *ctx) { ctx->op = 3; return 0; }')
    assert failure.needed == "a field that may be written: reply, sk_txhash"


def test_a_part_of_a_register_of_the_context() -> None:
    failure = refused_c(
        'SEC("perf_event") int f(struct bpf_perf_event_data *ctx) { return *(volatile __u32 *)&ctx->regs.ip; }',
        head=VMLINUX,
    )
    assert failure.explanation == ("bpf_perf_event_data.regs.ip has 8 bytes; 4 of them cannot be read alone.")
    assert failure.needed == "an access of 8 bytes at offset 128: the whole field"


@pytest.mark.parametrize(
    ("section", "arguments", "said"),
    [
        ("tp_btf/sched_switch", "int a, long b, long c, long d, long e", "The tracepoint sched_switch has 4 arguments"),
        ("lsm/file_permission", "long a, long b, long c, long d", "The LSM hook file_permission has 2 arguments"),
        ("fentry/tcp_connect", "long a, long b", "tcp_connect() has 1 argument,"),
    ],
)
def test_an_argument_that_the_hook_does_not_have(section: str, arguments: str, said: str) -> None:
    text = f'long seen; SEC("{section}") int BPF_PROG(f, {arguments}) {{ seen = {arguments[-1]}; return 0; }}'
    failure = refused_c(text, head=VMLINUX)
    assert failure.explanation.startswith(said)
    assert failure.needed.startswith("at most ")


def test_fields_of_a_socket_that_may_not_be_a_full_one() -> None:
    failure = refused_c(
        'SEC("tc") int f(struct __sk_buff *skb) { struct bpf_sock *sk = skb->sk; return sk ? sk->mark : 0; }'
    )
    assert failure.rule == "socket-access"
    assert "may point to any kind of socket" in failure.explanation
    assert "bpf_sk_fullsock()" in failure.needed


@pytest.mark.parametrize("field", ["family", "state", "src_ip4", "src_port", "dst_port", "dst_ip4", "bound_dev_if"])
def test_fields_that_all_sockets_have(field: str) -> None:
    """What the explanation says may be read can be read: the refused access is of the other field."""
    failure = refused_c(
        'SEC("tc") int f(struct __sk_buff *skb) { struct bpf_sock *sk = skb->sk; if (!sk) return 0;'
        f"if (sk->{field} == 7)\nreturn 3;\nreturn sk->priority; }}"
    )
    assert failure.cause.line == 5


def test_arithmetic_with_a_socket() -> None:
    failure = refused_c(
        """SEC("sk_reuseport/migrate") int f(struct sk_reuseport_md *ctx) {
            unsigned long at = ctx->hash ? 72 : 76;
            return *(__u32 *)((char *)ctx->sk + at);
        }"""
    )
    assert "points to a socket" in failure.explanation


@pytest.mark.parametrize(("section", "kind"), [("cgroup_skb/ingress", "cgroup_skb"), ("lwt_in", "lwt_in")])
def test_a_write_to_a_packet_that_may_be_read(section: str, kind: str) -> None:
    failure = refused_c(
        f"""SEC("{section}") int f(struct __sk_buff *skb) {{
            char *data = (void *)(long)skb->data;
            if (data + 1 > (char *)(long)skb->data_end) return 0;
            *data = 1;
            return 0;
        }}"""
    )
    assert failure.explanation == f"{kind} programs may read the packet, but not write to it."


def test_a_function_whose_result_may_not_be_changed() -> None:
    failure = refused_c(
        'SEC("fmod_ret/tcp_connect") int BPF_PROG(f, struct sock *sk, int ret) { return -1; }', head=VMLINUX
    )
    assert failure.explanation.startswith("The result of tcp_connect() is not for programs to change")


def test_the_bound_of_a_copy_that_is_made_after_the_comparison() -> None:
    failure = refused_c(
        """SEC("tc") int f(struct __sk_buff *skb) {
            char b[8]; int n = bpf_skb_get_tunnel_opt(skb, b, sizeof(b));
            if (n < 0) return 0;
            bpf_get_prandom_u32();
            return bpf_skb_set_tunnel_opt(skb, b, n);
        }""",
        licence=LICENCE,
    )
    assert failure.rule == "size-may-be-zero"
    assert "does not carry over" not in failure.explanation
    assert failure.needed.startswith("a size of at least 1 with an upper bound")


SLICE = """
extern int bpf_dynptr_from_skb(struct __sk_buff *skb, __u64 flags, struct bpf_dynptr *p) __ksym;
extern void *bpf_dynptr_slice(const struct bpf_dynptr *p, __u32 offset, void *buffer, __u32 size) __ksym;
"""


def test_a_slice_of_a_packet_that_a_call_may_move() -> None:
    failure = refused_c(
        SLICE
        + """SEC("tc") int f(struct __sk_buff *skb) {
            struct bpf_dynptr p; char b[16], *data;
            bpf_dynptr_from_skb(skb, 0, &p);
            data = bpf_dynptr_slice(&p, 0, b, sizeof(b));
            if (!data) return 0;
            bpf_skb_pull_data(skb, 0);
            return data[3];
        }""",
        head=VMLINUX,
    )
    assert failure.cause.kind is CauseKind.LOST_AT_CALL
    assert "bpf_skb_pull_data() in line 12 may move the packet" in failure.explanation


TREE = """
#define PRIVATE(name) SEC(".data." name) __hidden __attribute__((aligned(8)))
struct element { long key; struct bpf_rb_node link; };
struct element *so_that_its_type_is_in_the_object;
PRIVATE("A") struct bpf_spin_lock lock;
PRIVATE("A") struct bpf_rb_root root __attribute__((btf_decl_tag("contains:element:link")));
PRIVATE("B") struct bpf_spin_lock other;
extern struct bpf_rb_node *bpf_rbtree_first(struct bpf_rb_root *root) __ksym;
"""


def test_an_element_of_a_tree_after_the_lock_is_given_back() -> None:
    failure = refused_c(
        TREE
        + """SEC("tc") int f(struct __sk_buff *skb) {
            struct bpf_rb_node *found;
            bpf_spin_lock(&lock); found = bpf_rbtree_first(&root); bpf_spin_unlock(&lock);
            return found ? ((struct element *)((void *)found - 8))->key : 0;
        }""",
        head=VMLINUX,
    )
    assert failure.cause.kind is CauseKind.USED_AFTER_RELEASE
    assert "bpf_spin_unlock()" in failure.explanation and "gives the lock back" in failure.explanation


def test_a_tree_under_the_lock_of_another_section() -> None:
    failure = refused_c(
        TREE
        + """SEC("tc") int f(struct __sk_buff *skb) {
            bpf_spin_lock(&other); bpf_rbtree_first(&root); bpf_spin_unlock(&other);
            return 0;
        }""",
        head=VMLINUX,
    )
    assert failure.rule == "graph-lock-not-held"
    assert "took is not the one for it" in failure.explanation


def test_sections_are_named_that_there_are() -> None:
    known = {each.name.rstrip("+") for each in SECTION_DEFS}
    assert {f"{kind}.s" for kind in SLEEPABLE} <= known
    assert {name.removesuffix(".s") for name in known if name.endswith(".s")} == SLEEPABLE
    failure = refused_c(
        "extern struct bpf_key *bpf_lookup_user_key(__u32 serial, __u64 flags) __ksym;"
        'SEC("tc") int f(struct __sk_buff *skb) { char b[4]; return bpf_copy_from_user(b, 4, 0); }',
        head=VMLINUX,
    )
    assert "tc.s" not in failure.needed
