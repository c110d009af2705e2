"""Bounds that are there, but of something else: another width, the other branch, a number without a bound, a callee."""

from __future__ import annotations

import pytest

from tests.vm.explain.refusals import MAP, refused, refused_c
from vm.asm import assemble
from vm.pipeline.bpf_check import verify

# r1 and r2: numbers of 64 bits of which nothing is known; r0: 64 bytes.
START = """
.map m array 4 64 1
r6 = r1
r1 = 0
*(u32 *)(r10 - 4) = r1
r2 = r10
r2 += -4
r1 = map[m] ll
call bpf_map_lookup_elem
if r0 == 0 goto out
r1 = *(u64 *)(r6 + 112)
r2 = *(u64 *)(r6 + 104)
"""
END = """
out:
r0 = 0
exit
"""


@pytest.mark.parametrize(
    ("check", "explanation", "needed"),
    [
        (
            "if w1 > 63 goto out",
            "Only the lower 32 bits of r1 are bounded (at most 63); the upper 32 bits are not",
            "the comparison of all 64 bits",
        ),
        ("if w1 s> 63 goto out", "(at most 63, as a signed number)", "an unsigned 64-bit type"),
        ("if r1 >= r2 goto out", "(if r1 >= r2) is with r2, of which no upper bound is known", "with a constant"),
        ("if r2 <= r1 goto out", "(if r2 <= r1) is with r2, of which no upper bound is known", "with a constant"),
        ("if r1 < 64 goto out", "gives this path a lower bound only: the number is at least 64", ""),
        ("if r1 == 0 goto out", "Nothing on this path bounds r1", ""),
        ("if r1 == 64 goto out", "Nothing on this path bounds r1, from above or from below.", ""),
    ],
)  # fmt: skip
def test_what_the_comparison_there_is_does_not_give(check: str, explanation: str, needed: str) -> None:
    failure = refused(f"{START}{check}\nr0 += r1\nr0 = *(u8 *)(r0 + 0)\n{END}", "kprobe")
    assert explanation in failure.explanation
    assert needed in failure.needed


def test_a_subtraction_of_unsigned_numbers_is_not_told_to_use_an_unsigned_type() -> None:
    check = "if r1 > 63 goto out\n if r2 > 63 goto out\n r1 -= r2"
    failure = refused(f"{START}{check}\nr0 += r1\nr0 = *(u8 *)(r0 + 0)\n{END}", "kprobe")
    assert failure.rule == "offset-may-be-negative"
    assert "its result may be as low as -63" in failure.explanation
    assert "an unsigned type does not help" in failure.needed


def test_the_offset_of_the_instruction_counts() -> None:
    failure = refused(f"{START}if r1 > 63 goto out\nr0 += r1\nr0 = *(u8 *)(r0 + 1)\n{END}", "kprobe")
    assert "r0 allow offsets from 1 to 64 with the +1 of the instruction; 1 of 64 bytes fit" in failure.explanation


def test_the_size_of_a_call_is_named() -> None:
    call = "r3 = r1\nr1 = r0\ncall bpf_probe_read_kernel"
    failure = refused(f"{START}if r2 > 128 goto out\n{call}\n{END}", "kprobe")
    assert failure.explanation == (
        "r2 may be as large as 128; the memory has 64 bytes from there on. The comparison in line 14 (if r2 > 0x80) is "
        "what bounds it."
    )
    failure = refused(f"{START}r2 = 72\nr0 += 8\n{call}\n{END}", "kprobe")
    assert failure.explanation == "r2 is 72; the memory has 56 bytes from there on."


def test_a_fixed_size_is_not_one_that_may_be_as_large() -> None:
    failure = refused("r1 = r10\nr1 += -16\nr2 = 20\nr3 = 0\ncall bpf_probe_read_kernel\nr0 = 0\nexit", "kprobe")
    assert failure.explanation == "r2 is 20, and from fp-16 to the top of the frame there are 16 bytes."


def test_what_a_global_function_proves_does_not_reach_its_caller() -> None:
    failure = refused_c(
        MAP
        + """__attribute__((noinline)) int cap(unsigned long n) { return n > 60 ? 60 : n; }
        SEC("xdp") int f(struct xdp_md *ctx) {
            int key = 0; char *v = bpf_map_lookup_elem(&m, &key);
            if (!v) return 0;
            unsigned i = cap(ctx->rx_queue_index);
            return v[i];
        }"""
    )
    assert "the result of the global function that line 8 calls" in failure.explanation
    assert "after the call" in failure.needed


@pytest.mark.parametrize(
    ("text", "prog_type", "explanation"),
    [
        ("r0 = *(u32 *)(r1 + 10048)", "tracepoint/x/y", "may access bytes 8 to 8,191 of their context"),
        ("r0 = *(u64 *)(r1 + 0)", "tracepoint/x/y", "may access bytes 8 to 8,191 of their context"),
        ("*(u64 *)(r1 + 16) = 1", "tracepoint/x/y", "may be read, but not written"),
    ],
)
def test_a_tracepoint_s_record_is_no_list_of_arguments(text: str, prog_type: str, explanation: str) -> None:
    failure = refused(f"{text}\nr0 = 0\nexit", prog_type)
    assert explanation in failure.explanation
    assert "argument" not in failure.explanation + failure.needed


SIGNED = """
    .map m array 4 64 1
    .map n array 4 4 1
    r1 = 0
    *(u32 *)(r10 - 4) = r1
    r2 = r10
    r2 += -4
    r1 = map[n] ll
    call bpf_map_lookup_elem
    if r0 == 0 goto out
    r6 = *(u32 *)(r0 + 0)
    r1 = 0
    *(u32 *)(r10 - 4) = r1
    r2 = r10
    r2 += -4
    r1 = map[m] ll
    call bpf_map_lookup_elem
    if r0 == 0 goto out
    r1 = r0
    r2 = r6
    {check}
    r3 = r10
    call bpf_probe_read_kernel
out:
    r0 = 0
    exit
"""


@pytest.mark.parametrize(
    ("check", "rule", "explanation"),
    [
        ("if w2 s> 64 goto out", "size-unbounded", "The upper bound is there, for a signed number: r2 is at most 64"),
        ("r2 s>>= 1\n if r2 s> 64 goto out", "", ""),
        (
            "r2 <<= 32\n r2 s>>= 32\n if r2 s> 64 goto out",
            "size-may-be-negative",
            "The upper bound is there: r2 is at most 64. The lower one is missing: it is signed",
        ),
    ],
)
def test_a_signed_length_is_not_told_to_add_the_bound_it_has(check: str, rule: str, explanation: str) -> None:
    (program,) = assemble(".type kprobe\n" + SIGNED.format(check=check), name="t").programs
    failure = verify(program).failure
    if not rule:
        assert failure is None
        return
    assert failure is not None
    assert failure.rule == rule
    assert explanation in failure.explanation
    assert "a lower bound of 0" in failure.needed
    assert "unsigned type" in failure.needed
    assert "an upper bound" not in failure.needed


def test_a_bound_that_a_computation_lost_is_named() -> None:
    failure = refused(SIGNED.format(check="if r2 > 64 goto out\n r2 <<= 30"), "kprobe")
    assert failure.rule == "size-unbounded"
    assert "The bound was there before line" in failure.explanation
    assert "after the last computation" in failure.needed


def test_a_comparison_of_a_copy_is_named() -> None:
    failure = refused(SIGNED.format(check="w3 = w2\n w3 <<= 1\n if w3 > 64 goto out"), "kprobe")
    assert failure.rule == "size-unbounded"
    assert "(if w3 > 0x40) is of r3, which was computed from the number that is used" in failure.explanation


def test_a_comparison_of_what_a_value_was_computed_from() -> None:
    failure = refused(SIGNED.format(check="r2 += 2\n r2 += 1\n if r6 > 64 goto out"), "kprobe")
    assert "(if r6 > 0x40) is of a copy: what it says of r6 does not carry over to r2" in failure.explanation


def test_no_bound_at_all() -> None:
    failure = refused(SIGNED.format(check="r2 = r6"), "kprobe")
    assert failure.explanation == "Nothing on this path bounds r2 from above."
    assert "a size with an upper bound" in failure.needed


def test_a_constant_that_is_negative_as_an_int() -> None:
    failure = refused(SIGNED.format(check="w2 = -3"), "kprobe")
    assert "r2 is -3 as a signed 32-bit number" in failure.explanation
    assert "upper bound" not in failure.needed


def test_a_signed_index_is_told_the_bound_it_lacks() -> None:
    failure = refused_c(
        MAP
        + """SEC("xdp") int f(struct xdp_md *ctx) {
            int key = 0; char *v = bpf_map_lookup_elem(&m, &key);
            if (!v) return 1;
            int i = ctx->rx_queue_index;
            if (i > 15) return 1;
            return v[i * 4];
        }"""
    )
    assert "The upper bound is there, for a signed number: at most 15" in failure.explanation
    assert "a lower bound of 0" in failure.needed


def test_bounds_that_are_too_wide() -> None:
    failure = refused_c(
        MAP
        + """SEC("xdp") int f(struct xdp_md *ctx) {
            int key = 0; char *v = bpf_map_lookup_elem(&m, &key);
            if (!v) return 1;
            unsigned i = ctx->rx_queue_index;
            if (i > 64) return 1;
            return v[i];
        }"""
    )
    assert failure.rule == "memory-access-out-of-range-max"
    assert "allow offsets from 0 to 64; 1 of 64 bytes fit only at offsets from 0 to 63" in failure.explanation
