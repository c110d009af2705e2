"""What stands beside the values of a run is the state of the path it took, and holds for them."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from fuzz.generate import make
from vm import pipeline
from vm.asm import assemble
from vm.pipeline import BuildOptions, Source
from vm.program import Object, Program
from vm.runner.execution import PROGRAM, Execution
from vm.runner.follow import Known, known_states, walk_paths
from vm.runner.inputs import PacketInput, RunLimits
from vm.runner.memory import USER_BASE
from vm.trace.recorder import Recorder
from vm.verifier.state import reg_types as t
from vm.verifier.state.reg import RegState

# Programs of tracing come with a recording: they take no packet.
EXAMPLES = sorted((Path(__file__).parents[3] / "examples").glob("*.c"))
EXAMPLES = [path for path in EXAMPLES if not path.with_suffix(".rec").exists()]
ETHERNET = "020000000001020000000002"
ARP = ETHERNET + "080600010800060400010200000000010a000001000000000000000a000002"
PACKETS = (
    ARP,
    ETHERNET + "08004500002400010000401166c60a0000010a0000023039003500101ea562706673636f7065",
    ETHERNET + "08004500002800010000400666cd0a0000010a0000029c400050000000000000000050022000df4f0000",
    ETHERNET + "08004500001c00010000400166de0a0000010a0000020800f7ff00000000",
    ETHERNET + "88b5000102030405060708090a0b0c0d0e0f",
    ETHERNET + "0800",
)


class Followed(NamedTuple):
    """A program that was walked and run."""

    program: Program
    trace: Recorder
    run: Execution
    known: list[Known | None]


def follow(program: Program, packets: Sequence[bytes], obj: Object | None = None) -> Iterator[Followed]:
    """Runs of a program on the machine and in the interpreter; none if it is refused."""
    walk = pipeline.walk(program)
    for _ in walk.advance():
        pass
    if walk.result().verdict != "accept":
        return
    trace = walk.recorder
    assert trace is not None
    rewritten = pipeline.rewrite(walk.env)
    paths = walk_paths(walk.env, trace, rewritten)
    for image in (pipeline.translate(rewritten), None):
        given = [PacketInput(packet) for packet in packets]
        for run in pipeline.execute(rewritten, image, given, RunLimits(), obj=obj):
            yield Followed(program, trace, run, list(known_states([paths], run)))


def signed(value: int, bits: int) -> int:
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> bits - 1 else value


def wrong(reg: RegState, value: int, run: Execution) -> str:
    """What is false about a state beside a value."""
    s = reg.scalar
    if reg.type == t.SCALAR_VALUE:
        good = s.umin <= value <= s.umax and s.smin <= signed(value, 64) <= s.smax
        good = good and s.u32_min <= value & 0xFFFFFFFF <= s.u32_max and s.s32_min <= signed(value, 32) <= s.s32_max
        return "" if good and value & ~s.var_off.mask == s.var_off.value else f"{value:#x} is not in {s}"
    if reg.type & t.BPF_BASE_TYPE_MASK == t.PTR_TO_PACKET:
        start = next(region.address for region in run.regions if region.name == "packet")
        offset = value - start - reg.off
        return "" if s.umin <= offset <= s.umax else f"{value:#x} is {offset} behind packet+{reg.off}, not in {s}"
    if reg.type == t.NOT_INIT or value >= USER_BASE or (value == 0 and reg.type & t.PTR_MAYBE_NULL):
        return ""
    return f"{value:#x} is no pointer of type {reg.type:#x}"


def check(followed: Followed) -> int:
    """How many values were held against their states."""
    count = 0
    program, trace, run, known = followed
    for i, (step, one) in enumerate(zip(run.steps, known, strict=True)):
        if one is None:
            continue
        frames = trace.raw_before(one.step) if one.before else trace.raw(one.step)
        assert frames[-1].frameno == one.frame
        visited = trace.insn_idx(one.step)
        nearby = {step.insn_idx, run.steps[i + 1].insn_idx if one.before and i + 1 < len(run.steps) else -1}
        # Behind an instruction that was removed, or a call that came back to its caller, it is that one's state.
        if visited not in nearby:
            assert not one.before
        for n, (reg, value) in enumerate(zip(frames[-1].regs, step.regs, strict=True)):
            if f"r{n}" not in one.outside:
                why = wrong(reg, value, run)
                assert not why, f"{program.name} step {i} (insn {step.insn_idx}) r{n} at walk step {one.step}: {why}"
                count += reg.type != t.NOT_INIT
    return count


def compiled(path: Path) -> Object:
    source = Source("c", path.read_bytes())
    result = pipeline.compile_source(source, BuildOptions())
    assert result.object is not None
    return pipeline.load(source, BuildOptions(), result.object)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.stem)
def test_examples_on_packets(path: Path) -> None:
    obj = compiled(path)
    for program in obj.programs:
        for followed in follow(program, [bytes.fromhex(packet) for packet in PACKETS], obj):
            assert check(followed) >= 3 * len(followed.run.steps)
            assert None not in followed.known


def test_random_programs_on_packets() -> None:
    steps = known = programs = 0
    for seed in range(80):
        rng = random.Random(seed)
        packets = [rng.randbytes(size) for size in (14, 64, 300)]
        runs = list(follow(make(seed, sloppy=0.02).program(), packets))
        programs += bool(runs)
        for followed in runs:
            check(followed)
            steps += len(followed.known)
            known += sum(one is not None for one in followed.known)
    assert programs >= 50
    assert known >= 0.99 * steps


def state_at(followed: Followed, step: int) -> tuple[RegState, ...]:
    one = followed.known[step]
    assert one is not None
    assert one.outside == ()
    trace = followed.trace
    return tuple((trace.raw_before(one.step) if one.before else trace.raw(one.step))[-1].regs)


def test_the_branch_that_was_taken_is_known() -> None:
    source = ".type tc\nr0 = *(u32 *)(r1 + 8)\nif r0 > 7 goto big\nr0 += 1\nexit\nbig:\nr0 += 2\nexit"
    (program,) = assemble(source, name="t").programs
    for small in follow(program, [bytes(20)]):
        assert [one.step for one in small.known if one] == [0, 1, 2, 3]
        assert state_at(small, 1)[0].scalar.umax == 7
    mark = PacketInput(bytes(20), mark=100)
    walk = pipeline.walk(program)
    list(walk.advance())
    rewritten = pipeline.rewrite(walk.env)
    trace: Any = walk.recorder
    (run,) = pipeline.execute(rewritten, None, [mark], RunLimits())
    known = list(known_states([walk_paths(walk.env, trace, rewritten)], run))
    # The state after the jump's own step is that of the other branch.
    assert known[1] is not None
    assert known[1].before
    assert state_at(Followed(program, trace, run, known), 1)[0].scalar.umin == 8
    assert state_at(Followed(program, trace, run, known), 2)[0].scalar.umin == 10


COVERED = """
.type tc
    r6 = *(u32 *)(r1 + 8)
    r7 = 1
    if r6 > 7 goto meet
    r7 = 2
meet:
    r0 = 0
    r1 = 1
    r2 = 1
    r3 = 1
    r4 = 1
    if r0 == 5 goto end
end:
    r0 = 3
    exit
"""


def test_behind_a_checkpoint_a_register_that_differs_is_left_out() -> None:
    (program,) = assemble(COVERED, name="t").programs
    for mark in (0, 100):
        walk = pipeline.walk(program)
        list(walk.advance())
        rewritten = pipeline.rewrite(walk.env)
        trace: Any = walk.recorder
        assert any(path.end == "safe" for path in trace.paths)
        (run,) = pipeline.execute(rewritten, None, [PacketInput(bytes(20), mark=mark)], RunLimits())
        followed = Followed(program, trace, run, list(known_states([walk_paths(walk.env, trace, rewritten)], run)))
        assert None not in followed.known
        check(followed)
        left_out = {name for one in followed.known if one for name in one.outside}
        assert left_out == (set() if mark == 0 else {"r6", "r7"})


def test_bytes_proven_on_another_path_are_not_claimed_of_a_shorter_packet() -> None:
    """The path of a frame that is no IP is covered by one that proved 34 bytes; this frame has 20."""
    text = """#include <linux/bpf.h>
        #include <bpf/bpf_helpers.h>
        SEC("tc") int p(struct __sk_buff *skb) {
            unsigned char *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end, *ip = data + 14, *tcp;
            if (ip > end) return 0;
            if (data[12] != 8 || data[13] != 0) return 0;
            if (ip + 20 > end) return 0;
            if (data[23] != 6) return 0;
            tcp = ip + (ip[0] & 15) * 4;
            if (tcp + 20 > end) return 0;
            return tcp[3] == 80 ? 2 : 0;
        }"""
    result = pipeline.compile_source(Source("c", text.encode()), BuildOptions())
    assert result.object is not None
    (program,) = pipeline.load(Source("c", text.encode()), BuildOptions(), result.object).programs
    claimed = 0
    for followed in follow(program, [bytes.fromhex(ETHERNET) + bytes(8), bytes.fromhex(PACKETS[2])]):
        length = len(followed.run.packet_out or b"")
        for one in followed.known:
            if one is None:
                continue
            frames = followed.trace.raw_before(one.step) if one.before else followed.trace.raw(one.step)
            for n, reg in enumerate(frames[-1].regs):
                if reg.type == t.PTR_TO_PACKET and f"r{n}" not in one.outside and not reg.id:
                    assert reg.range <= length, f"r{n} at walk step {one.step}: {reg.range} bytes of {length}"
                    claimed += reg.range > 0
    assert claimed


def test_nothing_is_known_behind_a_limit() -> None:
    (program,) = assemble(".type xdp\nr0 = 0\nagain:\nr0 += 1\nif r0 < 40 goto again\nexit", name="t").programs
    walk = pipeline.walk(program)
    list(walk.advance())
    rewritten = pipeline.rewrite(walk.env)
    assert walk.recorder is not None
    paths = walk_paths(walk.env, walk.recorder, rewritten)
    (run,) = pipeline.execute(rewritten, None, [PacketInput(bytes(20))], RunLimits(insns=10))
    assert run.fault is not None
    known = list(known_states([paths], run))
    assert len(known) == len(run.steps)
    assert known[-1] is None
    assert None not in known[:-1]
    assert list(known_states([paths], run, 4))[:5] == [*known[:3], None, None]
    assert set(known_states([paths], run, 0)) == {None}


ROUNDS = """#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
int again(struct xdp_md *ctx);
int last(struct xdp_md *ctx);
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 3);
	__type(key, int);
	__array(values, int(struct xdp_md *));
} chain SEC(".maps") = { .values = { [0] = (void *)&again, [1] = (void *)&last } };
int rounds;
SEC("xdp") int again(struct xdp_md *ctx)
{
	bpf_tail_call(ctx, &chain, 2); /* nothing is there */
	if (rounds++ < 3)
		bpf_tail_call(ctx, &chain, 0);
	bpf_tail_call(ctx, &chain, 1);
	return 1;
}
SEC("xdp") int last(struct xdp_md *ctx) { return ctx->data_end - ctx->data == rounds; }
char LICENSE[] SEC("license") = "GPL";
"""


@pytest.mark.parametrize("machine", [True, False])
def test_each_program_is_followed_in_its_own_walk(machine: bool) -> None:
    source = pipeline.Source("c", ROUNDS.encode(), "rounds")
    options = pipeline.BuildOptions()
    obj = pipeline.load(source, options, pipeline.compile_source(source, options).object)
    program = pipeline.choose(obj, "again")
    walk = pipeline.walk(program)
    list(walk.advance())
    rewritten = pipeline.rewrite(walk.env)
    assert walk.recorder is not None
    own = walk_paths(walk.env, walk.recorder, rewritten)
    image = pipeline.translate(rewritten) if machine else None
    (run,) = pipeline.execute(rewritten, image, [PacketInput(bytes(20))], RunLimits(), obj=obj)
    others = pipeline.companions(obj, program, verified=True, machine=machine)
    assert [each.paths for each in pipeline.with_walks(others, ())] == [None]
    (other,) = pipeline.with_walks(others, {"last"})
    assert other.paths is not None
    known = list(known_states([own, other.paths], run))
    left = [event.step for event in run.events if event.kind == "tail_call"]
    assert len(left) == 4 and len(known) == len(run.steps)
    assert [i for i, one in enumerate(known) if one is None] == left
    assert not any(one.wrong for one in known if one is not None)
    for step, one in zip(run.steps, known, strict=True):
        number, slot = divmod(step.insn_idx, PROGRAM)
        trace = (own, other.paths)[number].trace
        assert one is None or one.before or trace.insn_idx(one.step) == slot
    # Without its walk nothing is known of the other program; the program's own rounds are followed all the same.
    alone = list(known_states([own], run))
    assert alone[: left[-1]] == known[: left[-1]] and not any(alone[left[-1] :])
    assert not any(known_states([None, None], run))


RETURNS = """#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#define UNKNOWN(x) asm volatile("" : "+r"(x))
#define CALLED "r0", "r1", "r2", "r3", "r4", "r5"
typedef struct xdp_md ctx_t;
int zero(ctx_t *ctx);
int three(ctx_t *ctx);
int itself(ctx_t *ctx);
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 4);
	__type(key, int);
	__array(values, int(ctx_t *));
} chain SEC(".maps") = { .values = { [0] = (void *)&zero, [1] = (void *)&three, [2] = (void *)&itself } };
int rounds;
SEC("xdp") int zero(ctx_t *ctx) { return 0; }
SEC("xdp") int three(ctx_t *ctx)
{
	unsigned long n = (ctx->data_end - ctx->data) & 0xff;
	bpf_get_prandom_u32();
	UNKNOWN(n);
	return n ? 3 : 2;
}
static __noinline int far(ctx_t *ctx, unsigned long n, int at)
{
	bpf_tail_call(ctx, &chain, at);
	return n > 30;
}
/* What the subprogram returns says what n is, but for a tail call. */
SEC("xdp") int tells(ctx_t *ctx)
{
	unsigned long n = (ctx->data_end - ctx->data) & 0xff;
	int r = far(ctx, n, 0);
	UNKNOWN(r);
	UNKNOWN(n);
	return r + n;
}
SEC("xdp") int other(ctx_t *ctx)
{
	unsigned long n = (ctx->data_end - ctx->data) & 0xff;
	int r = far(ctx, n, 1);
	UNKNOWN(r);
	UNKNOWN(n);
	return r + n;
}
static __noinline __attribute__((used)) int again(ctx_t *ctx)
{
	if (rounds++ < 3)
		bpf_tail_call(ctx, &chain, 2);
	return rounds & 7;
}
/* A program whose subprogram enters the program. The verifier takes the branch out. */
SEC("xdp") int itself(ctx_t *ctx)
{
	asm volatile goto("r1 = %0; call again; if r0 > 7 goto %l[large]" : : "r"(ctx) : CALLED : large);
	return 1;
large:
	bpf_get_prandom_u32();
	return 2;
}
static __noinline int slow(ctx_t *ctx)
{
	int r = 0;
	bpf_tail_call(ctx, &chain, 0);
	for (int i = 0; i < 2000; i++) {
		UNKNOWN(r);
		r = (r + i) & 7;
	}
	return r;
}
static __noinline __attribute__((used)) int early(ctx_t *ctx)
{
	if ((ctx->data_end - ctx->data) & 64)
		return 7;
	bpf_tail_call(ctx, &chain, 1);
	return 1;
}
/* A branch that the verifier takes after another return only. */
SEC("xdp") int decides(ctx_t *ctx)
{
	asm volatile goto("r1 = %0; call early; if r0 > 2 goto %l[large]" : : "r"(ctx) : CALLED : large);
	return 1;
large:
	bpf_get_prandom_u32();
	return 2;
}
static __noinline int joins(ctx_t *ctx)
{
	int r = 5;
	bpf_tail_call(ctx, &chain, 1);
	if (rounds & 1)
		UNKNOWN(ctx);
	if (rounds & 2)
		UNKNOWN(ctx);
	if (rounds & 4)
		r = 6;
	UNKNOWN(r);
	return r;
}
/* Ways of which one ends at a checkpoint of the other. */
SEC("xdp") int joined(ctx_t *ctx)
{
	int r = joins(ctx);
	UNKNOWN(r);
	return r;
}
/* Whose walk is long between the tail call and the return. */
SEC("xdp") int long_way(ctx_t *ctx)
{
	int r = slow(ctx);
	UNKNOWN(r);
	return r;
}
char LICENSE[] SEC("license") = "GPL";
"""


@pytest.fixture(scope="module")
def returning() -> Object:
    source = pipeline.Source("c", RETURNS.encode(), "returns")
    return pipeline.load(
        source, pipeline.BuildOptions(), pipeline.compile_source(source, pipeline.BuildOptions()).object
    )


@pytest.mark.parametrize("machine", [True, False])
@pytest.mark.parametrize(
    ("name", "length", "wrong"),
    [
        ("itself", 20, []),
        # Zero comes back, though n is more than 30: neither value alone contradicts the verifier.
        ("tells", 40, []),
        ("tells", 20, []),
        # The verifier knew 0 and 1: only the result is wrong, whatever else went with it.
        ("other", 40, [("r0",)]),
        ("other", 20, [("r0",)]),
        ("decides", 20, [("r0",)]),
        ("joined", 20, []),
        ("long_way", 20, []),
    ],
)
def test_a_caller_is_followed_behind_its_subprogram_s_tail_call(
    returning: Object, machine: bool, name: str, length: int, wrong: list[tuple[str, ...]]
) -> None:
    program = pipeline.choose(returning, name)
    walk = pipeline.walk(program)
    list(walk.advance())
    rewritten = pipeline.rewrite(walk.env)
    assert walk.recorder is not None
    own = walk_paths(walk.env, walk.recorder, rewritten)
    image = pipeline.translate(rewritten) if machine else None
    (run,) = pipeline.execute(rewritten, image, [PacketInput(bytes(length))], RunLimits(), obj=returning)
    others = pipeline.companions(returning, program, verified=True, machine=machine)
    others = pipeline.with_walks(others, {"zero", "three"})
    known = list(known_states([own, *(each.paths for each in others)], run))
    left = [event.step for event in run.events if event.kind == "tail_call"]
    assert left and len(known) == len(run.steps)
    assert [one.outside for one in known if one is not None and one.wrong] == wrong
    unknown = [i for i, one in enumerate(known) if one is None]
    if name == "long_way":
        assert unknown == [*left, *range(left[0] + 3, len(run.steps))]
    elif name == "decides":  # a branch that the walk never takes from there
        marked = next(i for i, one in enumerate(known) if one is not None and one.wrong)
        assert unknown == [*left, *range(marked + 1, len(run.steps))]
    else:
        assert unknown == left
