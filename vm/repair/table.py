"""Which changes are proposed for which rule."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Final

from vm.repair import (
    arguments,
    bounds,
    contexts,
    held,
    loops,
    maps,
    nulls,
    offsets,
    packets,
    reads,
    returns,
    sizes,
    stack,
    stale,
    timers,
    whole,
)
from vm.repair.candidate import Candidate
from vm.repair.scene import Scene
from vm.verifier.rules.rule import Topic

Generator = Callable[[Scene], Iterator[Candidate]]

MAX_CANDIDATES: Final = 32

_INDEX: Final = (
    nulls.missing_check,
    bounds.index_bound,
    offsets.in_call,
    offsets.added,
    sizes.size_bound,
    arguments.reserved_size,
    whole.static_function,
)
_SIZE: Final = (arguments.printed, nulls.missing_check, sizes.size_bound, bounds.index_bound, offsets.in_call,
                arguments.reserved_size, whole.static_function)  # fmt: skip
_ARGUMENT: Final = (
    nulls.missing_check, held.released_twice, stale.stale_pointers, arguments.argument, arguments.other_map,
    sizes.size_bound, whole.as_fentry,
)  # fmt: skip
_HELPER: Final = (arguments.other_helper, whole.other_section)

RULES: Final[dict[str, tuple[Generator, ...]]] = {
    "helper-gpl-only": (whole.licence,),
    "kernel-struct-access-licence": (whole.licence,),
    "lsm-licence": (whole.licence,),
    "struct-ops-licence": (whole.licence,),
    "kfunc-licence": (whole.licence,),
    "helper-might-sleep": (whole.sleepable, arguments.other_helper),
    "kfunc-sleepable-in-program": (whole.sleepable,),
    "call-under-lock": (held.outside_the_lock,),
    "unlock-without-lock": (held.lock_missing, held.released_twice),
    "rcu-unlock-unmatched": (held.released_twice,),
    "preempt-enable-unmatched": (held.released_twice,),
    "kfunc-release-not-refcounted": (held.released_twice,),
    "release-of-unreferenced": (nulls.missing_check, held.released_twice),
    "dynptr-release-unowned": (held.released_twice,),
    "second-lock": (held.outside_the_lock,),
    "global-call-under-lock": (whole.static_function, held.outside_the_lock),
    "global-call-without-preemption": (whole.static_function,),
    "helper-sleepable-in-region": (arguments.other_helper,),
    "stack-read-uninitialized": (returns.initialised,),
    "stack-indirect-read-uninitialized": (returns.initialised,),
    "write-to-read-only": (whole.writable_slice, whole.writable, whole.read_only),
    "allocation-size-not-constant": (arguments.reserved_size,),
    "zero-sized-read": (arguments.printed, arguments.pushed, arguments.other_map, sizes.size_bound, maps.with_keys),
    "map-type-not-for-helper": (arguments.other_map, arguments.other_map_type, maps.without_keys),
    "map-struct-read-only": (maps.inner_lookup,),
    "map-struct-unsupported": (maps.inner_lookup,),
    "pointer-modified": (
        *_ARGUMENT,
        bounds.index_bound,
        returns.initialised,
        contexts.element_by_helper,
        reads.of_the_record,
    ),
    "pointer-offset-variable": (
        *_ARGUMENT,
        bounds.index_bound,
        returns.initialised,
        contexts.element_by_helper,
        reads.of_the_record,
    ),
    "argument-not-rcu": (held.read_section, *_ARGUMENT),
    "string-not-read-only": (arguments.compared,),
    "memory-access-out-of-range-min": (*_INDEX, reads.narrower),
    "kernel-misconfigured": (arguments.other_map, arguments.other_map_type),
    "atomic-on-memory-type": (arguments.not_atomic,),
    "map-access-forbidden": (whole.writable,),
    "combined-stack-size": (stack.off_the_stack,),
    "register-uninitialized": (returns.initialised,),
    "kfunc-unresolved": (returns.initialised,),
    "context-access": (contexts.as_packet, whole.as_fexit, whole.other_section, whole.read_only),
    "struct-read-only": (whole.read_only,),
    "packet-read-only": (whole.read_only,),
    "pointer-value-out-of-bounds": (offsets.in_one_register, offsets.added, bounds.index_bound),
    "kfunc-not-allowed": (whole.as_fentry, whole.other_section),
    "infinite-loop": (loops.fewer_rounds,),
    "pointer-arithmetic-before-null-check": (nulls.missing_check,),
    "argument-type": (
        timers.in_the_map,
        *_ARGUMENT,
        arguments.member_of_argument,
        arguments.string_read,
        arguments.constant_format,
    ),
    "helper-packet-access": (arguments.no_packet, *_ARGUMENT),
    "struct-offset-variable": (reads.by_helper,),
    "graph-lock-not-held": (held.under_its_lock,),
    "sleepable-attach-target": (whole.not_sleepable,),
    "tail-call-leak": (held.give_back,),
}
"""Rules that have changes of their own, by name."""

TOPICS: Final[dict[Topic, tuple[Generator, ...]]] = {
    Topic.VALUE: (*_ARGUMENT, bounds.index_bound, returns.initialised),
    Topic.POINTER: (nulls.missing_check, held.used_after_release, reads.by_helper, whole.as_fentry),
    Topic.STACK: _SIZE,
    Topic.PACKET: (packets.packet_check,),
    Topic.OFFSET: _INDEX,
    Topic.SIZE: _SIZE,
    Topic.CONTEXT_FIELD: (whole.other_section,),
    Topic.RESULT: (returns.in_range, returns.initialised),
    Topic.HELPER: _HELPER,
    Topic.KFUNC: (whole.other_section,),
    Topic.HELD: (held.give_back,),
    Topic.LIMIT: (loops.fewer_rounds, stack.off_the_stack),
    Topic.PROGRAM: (whole.other_section,),
    Topic.KERNEL: (),
}
"""What is proposed for the other rules of a topic."""


def candidates(scene: Scene) -> list[Candidate]:
    """What may help, the likeliest first; each change once, at most MAX_CANDIDATES."""
    found: dict[tuple[object, ...], Candidate] = {}
    for generator in (whole.wrong_section, *RULES.get(scene.rule.name, TOPICS[scene.rule.topic])):
        for each in islice(generator(scene), MAX_CANDIDATES):
            if each.edits:
                found.setdefault(each.edits, each)
    return list(found.values())[:MAX_CANDIDATES]
