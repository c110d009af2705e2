"""Why a program was refused, in a sentence or two, as far as the text of its log carries it.

The rule that the message is of, the values in it and the printed steps decide. Where nothing more particular follows
from them, nothing is said.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from vm.logs import explain_access as access
from vm.logs import explain_call as call
from vm.logs import explain_value as value
from vm.logs.facts import Facts
from vm.logs.values import NO_REASON, Reason

RULES: Final[dict[str, Callable[[Facts], Reason]]] = {
    "invalid-memory-access": value.not_a_pointer,
    "register-uninitialized": value.never_written,
    "pointer-bitwise": value.computed_with_pointer,
    "pointer-operator": value.computed_with_pointer,
    "pointer-pair-arithmetic": value.computed_with_pointer,
    "pointer-modified": value.moved_pointer,
    "pointer-math-unbounded-min": value.unbounded_addend,
    "pointer-value-out-of-bounds": value.huge_addend,
    "pointer-comparison": value.compared_pointer,
    "return-value-out-of-range": value.result,
    "packet-access-out-of-range": access.packet,
    "packet-access-beyond-end": access.packet,
    "memory-access-out-of-range-max": access.beyond,
    "memory-access-out-of-range-min": access.outside,
    "offset-unbounded": access.unbounded,
    "stack-access-out-of-range": access.stack,
    "stack-read-uninitialized": access.uninitialized,
    "stack-indirect-read-uninitialized": access.uninitialized,
    "context-access": access.context,
    "argument-type": call.argument,
    "size-may-be-negative": call.size_negative,
    "size-unbounded": call.size_unbounded,
    "size-may-be-zero": call.size_zero,
    "zero-sized-read": call.size_zero,
    "helper-argument-may-be-null": call.maybe_null,
    "helper-not-for-program-type": call.helper,
    "helper-unknown": call.helper,
    "helper-packet-access": call.packet_argument,
    "core-relocation-unresolved": call.unresolved,
    "combined-stack-size": call.deep,
    "misaligned-access": access.misaligned,
    "opcode-unknown": call.opcode,
    "struct-pointer-member-width": call.map_member,
    "helper-not-allowed-in-probe": call.listed_helper,
    "helper-gpl-only": call.licence,
    "reference-leak": call.leak,
}
"""What explains a rule, by its name."""


GENERAL: Final[dict[str, Reason]] = {
    "program-too-large": Reason(
        "The verifier gave up after as many instructions as it follows at most. It follows every path and every "
        "round of a "
        "loop; the instruction named here is only the one at which it stopped. This does not mean that the program "
        "is unsafe.",
        "fewer rounds of loops, bpf_loop() or bpf_for() instead of unrolled ones, or parts moved to global functions",
    ),
    "jump-sequence-too-long": Reason(
        "More branches wait to be verified than the verifier keeps. A loop with a comparison whose result is unknown "
        "saves one in each round. This does not mean that the program is unsafe.",
        "fewer rounds, or bpf_loop() or bpf_for() instead of a loop with many branches",
    ),
    "infinite-loop": Reason(
        "The verifier came back to an instruction with the same values as before: this loop would never end.",
        "a loop that changes what its condition depends on, with an upper bound",
    ),
    "back-edge": Reason(
        "The program has a loop. Kernels before 5.3, and newer ones for users without CAP_BPF, follow no loops at all.",
        "the loop unrolled: #pragma unroll with a constant number of rounds; or a newer kernel and CAP_BPF",
    ),
    "fall-through-end": Reason(
        "A function does not end with an exit or a jump: the processor would go on with whatever follows. From C or "
        "Rust this comes "
        "of code that the compiler takes for unreachable, such as undefined behaviour, a panic, or an empty function.",
        "a return at the end of every function that can be reached",
    ),
    "map-struct-read-only": Reason(
        "The program accesses the map itself where it means an element: the register holds the address of the map. "
        "Only "
        "reading is possible there.",
        "bpf_map_lookup_elem() with a key, and a write through the pointer that it returns",
    ),
    "map-fd": Reason(
        "An instruction that loads the address of a map has a file descriptor that belongs to no map: the loader did "
        "not create the map, closed it, or did not put its descriptor in.",
        "the maps created before the program is loaded, and their descriptors put into the instructions (relocations)",
    ),
    "kfunc-unresolved": Reason(
        "The program calls a kernel function (kfunc) that the running kernel does not have, or not for programs: it "
        "was written for another version or configuration.",
        "a kernel that has it; or a __weak declaration and bpf_ksym_exists() asked before, with an if",
    ),
    "rcu-still-open": Reason(
        "A path ends, or calls what may not be called there, between bpf_rcu_read_lock() and bpf_rcu_read_unlock().",
        "bpf_rcu_read_unlock() on every path, also before an early return",
    ),
    "func-info-count": Reason(
        "The type information (BTF) that the loader passed describes another number of functions than the program "
        "has. The fault "
        "is in how the object was built or loaded, not in the program's logic.",
        "each function in a section that the loader knows, and a current libbpf",
    ),
    "stx-reserved-fields": Reason(
        "A store instruction has a value in a field that this kernel does not use. Kernels before 5.12 refuse atomic "
        "operations with a result, such as "
        "__sync_fetch_and_add() whose value is used, in this way.",
        "the result of the atomic operation not used, where the kernel is older than 5.12; a newer kernel; or "
        "correct instructions from the compiler",
    ),
}
"""Explanations that need nothing of the text but the message, by the rule's name."""

TOO_COMPLEX: Final = Reason(
    "The summary counts more instructions than the verifier follows at most: it gave up. It follows every path and "
    "every round of a loop. This does not mean that the program is unsafe.",
    GENERAL["program-too-large"].needed,
)
"""What a summary tells that counts more instructions than the limit."""


def explain(facts: Facts) -> Reason:
    """What is wrong and what would be accepted; of a message that several rules share only if all are explained
    alike."""
    found = [RULES.get(name) for name in facts.message.rules]
    if found and found[0] is not None and all(each is found[0] for each in found):
        return found[0](facts)
    names = facts.message.rules
    return GENERAL.get(names[0], NO_REASON) if len(names) == 1 else NO_REASON
