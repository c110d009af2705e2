"""Registers and stack slots as text (print_reg_state and friends in kernel/bpf/log.c)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from vm.bits import S32_MAX, S32_MIN, S64_MAX, S64_MIN, U32, U64
from vm.program import MapSpec
from vm.verifier.domain.scalar import Scalar
from vm.verifier.events import SlotSnapshot, StateSnapshot
from vm.verifier.state import reg_types as t
from vm.verifier.state.reg import RegState

if TYPE_CHECKING:
    from vm.btf.types import Btf

REG_TYPE_STR: Final = {
    t.NOT_INIT: "?", t.SCALAR_VALUE: "scalar", t.PTR_TO_CTX: "ctx", t.CONST_PTR_TO_MAP: "map_ptr",
    t.PTR_TO_MAP_VALUE: "map_value", t.PTR_TO_STACK: "fp", t.PTR_TO_PACKET: "pkt",
    t.PTR_TO_PACKET_META: "pkt_meta", t.PTR_TO_PACKET_END: "pkt_end", t.PTR_TO_FLOW_KEYS: "flow_keys",
    t.PTR_TO_SOCKET: "sock", t.PTR_TO_SOCK_COMMON: "sock_common", t.PTR_TO_TCP_SOCK: "tcp_sock",
    t.PTR_TO_TP_BUFFER: "tp_buffer", t.PTR_TO_XDP_SOCK: "xdp_sock", t.PTR_TO_BTF_ID: "ptr_", t.PTR_TO_MEM: "mem",
    t.PTR_TO_ARENA: "arena", t.PTR_TO_BUF: "buf", t.PTR_TO_FUNC: "func", t.PTR_TO_MAP_KEY: "map_key",
    t.CONST_PTR_TO_DYNPTR: "dynptr_ptr",
}  # fmt: skip

TYPE_PREFIXES: Final = (
    (t.MEM_RDONLY, "rdonly_"), (t.MEM_RINGBUF, "ringbuf_"), (t.MEM_USER, "user_"), (t.MEM_PERCPU, "percpu_"),
    (t.MEM_RCU, "rcu_"), (t.PTR_UNTRUSTED, "untrusted_"), (t.PTR_TRUSTED, "trusted_"),
)  # fmt: skip

DYNPTR_TYPE_STR: Final = {
    t.BPF_DYNPTR_TYPE_LOCAL: "local", t.BPF_DYNPTR_TYPE_RINGBUF: "ringbuf", t.BPF_DYNPTR_TYPE_SKB: "skb",
    t.BPF_DYNPTR_TYPE_XDP: "xdp", t.BPF_DYNPTR_TYPE_INVALID: "<invalid>",
}  # fmt: skip

ITER_STATE_STR: Final = {
    t.BPF_ITER_STATE_ACTIVE: "active", t.BPF_ITER_STATE_DRAINED: "drained", t.BPF_ITER_STATE_INVALID: "<invalid>",
}  # fmt: skip

SLOT_TYPE_CHAR: Final = {
    t.STACK_INVALID: "?", t.STACK_SPILL: "r", t.STACK_MISC: "m", t.STACK_ZERO: "0", t.STACK_DYNPTR: "d",
    t.STACK_ITER: "i",
}  # fmt: skip


def reg_type_str(reg_type: int) -> str:
    """reg_type_str(): "map_value_or_null", "trusted_ptr_"."""
    base = t.base_type(reg_type)
    postfix = ""
    if reg_type & t.PTR_MAYBE_NULL:
        postfix = "or_null_" if base == t.PTR_TO_BTF_ID else "_or_null"
    prefix = "".join(name for flag, name in TYPE_PREFIXES if reg_type & flag)
    return prefix + REG_TYPE_STR[base] + postfix


def dynptr_type_str(dynptr_type: int) -> str:
    return DYNPTR_TYPE_STR.get(dynptr_type, "<unknown>")


def unum(value: int) -> str:
    """verbose_unum(): decimal up to 65535, else hexadecimal."""
    return str(value) if value <= 0xFFFF else f"{value:#x}"


def snum(value: int) -> str:
    """verbose_snum() of a signed number; outside 16 bits as the 64-bit pattern."""
    return str(value) if -0x8000 <= value <= 0x7FFF else f"{value & U64:#x}"


def tnum_str(value: int, mask: int) -> str:
    """tnum_strn()."""
    if mask == 0:
        return unum(value)
    # The kernel's %#llx prints a bare 0 for zero.
    return f"({_hex(value)}; {_hex(mask)})"


def _hex(value: int) -> str:
    return f"{value:#x}"


def _signed64(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value


def _kernel32(value: int) -> int:
    return value if -0x8000 <= value <= 0x7FFF else value & U32


def scalar_ranges(s: Scalar) -> list[str]:
    """print_scalar_ranges(): equal bounds of one kind are named together, "smin=umin=1"."""
    bounds: list[tuple[str, int, bool]] = [
        ("smin", s.smin, s.smin == S64_MIN),
        ("smax", s.smax, s.smax == S64_MAX),
        ("umin", s.umin, s.umin == 0),
        ("umax", s.umax, s.umax == U64),
        ("smin32", _kernel32(s.s32_min), s.s32_min == S32_MIN),
        ("smax32", _kernel32(s.s32_max), s.s32_max == S32_MAX),
        ("umin32", s.u32_min, s.u32_min == 0),
        ("umax32", s.u32_max, s.u32_max == U32),
    ]
    omit = [b[2] for b in bounds]
    out = []
    for i, (name, value, _) in enumerate(bounds):
        if omit[i]:
            continue
        names = name
        neg = name[0] == "s" and value < 0
        for j in range(i + 2, 8, 2):
            other, other_value, _ = bounds[j]
            if omit[j] or (other_value & U64) != (value & U64):
                continue
            # Negative numbers are not named together with large positive ones.
            if (other[0] == "s" and _signed64(other_value & U64) < 0) != neg:
                continue
            omit[j] = True
            names += "=" + other
        out.append(f"{names}={snum(value) if name[0] == 's' else unum(value)}")
    return out


class TypeNames:
    """Names the text needs from outside: maps of the program."""

    def __init__(self, maps: Sequence[MapSpec]) -> None:
        self.maps = maps

    def map_of(self, reg: RegState) -> MapSpec | None:
        if not 0 <= reg.map_ptr < len(self.maps):
            return None
        spec = self.maps[reg.map_ptr]
        return spec.inner if reg.inner_map else spec


def btf_type_name(btf: Btf | None, type_id: int) -> str:
    return btf.type(type_id).name if btf is not None else ""


def iter_type_str(btf: Btf | None, type_id: int) -> str:
    """iter_type_str(): the type is struct bpf_iter_<this>."""
    if btf is None or type_id == 0:
        return "<invalid>"
    return btf_type_name(btf, type_id)[len("bpf_iter_") :]


def reg_text(reg: RegState, frameno: int, names: TypeNames) -> str:
    """print_reg_state(): "scalar(umax=255,var_off=(0x0; 0xff))", "pkt(off=14,r=34)", "P0"."""
    reg_type, var_off = reg.type, reg.scalar.var_off
    const = var_off.mask == 0
    precise = "P" if reg_type == t.SCALAR_VALUE and reg.precise else ""
    if reg_type == t.SCALAR_VALUE and const:
        return precise + snum(_signed64(var_off.value))
    out = precise + reg_type_str(reg_type)
    if reg_type == t.PTR_TO_ARENA:
        return out
    if reg_type == t.PTR_TO_STACK:
        if reg.frameno != frameno:
            out += f"[{reg.frameno}]"
        if const:
            return out + snum(_signed64(var_off.value + reg.off & U64))
    if t.base_type(reg_type) == t.PTR_TO_BTF_ID:
        out += btf_type_name(reg.btf, reg.btf_id)
    return f"{out}({','.join(_attributes(reg, names))})"


def _attributes(reg: RegState, names: TypeNames) -> list[str]:
    reg_type, var_off = reg.type, reg.scalar.var_off
    out: list[str] = []
    if reg.id:
        delta = f"{reg.off:+d}" if reg.id & t.BPF_ADD_CONST else ""
        out.append(f"id={reg.id & ~t.BPF_ADD_CONST}{delta}")
    if reg.ref_obj_id:
        out.append(f"ref_obj_id={reg.ref_obj_id}")
    if t.type_is_non_owning_ref(reg_type):
        out.append("non_own_ref")
    if t.type_is_map_ptr(reg_type):
        spec = names.map_of(reg)
        if spec is not None:
            if spec.name and not reg.inner_map:  # the copy of a template the kernel keeps has no name
                out.append(f"map={spec.name}")
            out.append(f"ks={spec.key_size},vs={spec.value_size}")
    if reg_type != t.SCALAR_VALUE and reg.off:
        out.append(f"off={snum(reg.off)}")
    if t.type_is_pkt_pointer(reg_type):
        # range is an int, printed through a u64: BEYOND_PKT_END and its like are negative.
        out.append(f"r={unum(reg.range & U64)}")
    if t.base_type(reg_type) == t.PTR_TO_MEM:
        out.append(f"sz={unum(reg.mem_size)}")
    if reg_type == t.CONST_PTR_TO_DYNPTR:
        out.append(f"type={dynptr_type_str(reg.dynptr_type)}")
    if var_off.mask == 0:
        if var_off.value:
            out.append(f"imm={snum(_signed64(var_off.value))}")
    else:
        out.extend(scalar_ranges(reg.scalar))
        if not (var_off.value == 0 and var_off.mask == U64):
            out.append(f"var_off={tnum_str(var_off.value, var_off.mask)}")
    return out


def liveness_text(live: int) -> str:
    """print_liveness(): "_rw"."""
    if not live & (t.REG_LIVE_READ | t.REG_LIVE_WRITTEN | t.REG_LIVE_DONE):
        return ""
    return (
        "_"
        + ("r" if live & t.REG_LIVE_READ else "")
        + ("w" if live & t.REG_LIVE_WRITTEN else "")
        + ("D" if live & t.REG_LIVE_DONE else "")
    )


def slot_types_text(slot_type: Sequence[int]) -> str:
    return "".join(SLOT_TYPE_CHAR[k] for k in slot_type)


def slot_text(s: SlotSnapshot, second: SlotSnapshot | None, frameno: int, names: TypeNames) -> str:
    """One stack slot without its name and liveness; "" where the kernel prints nothing.

    second -- for a dynptr's first slot, the one below it, whose register the kernel prints.
    """
    kind = s.slot_type[7]
    if kind == t.STACK_SPILL:
        types = slot_types_text(s.slot_type)
        return types[: s.slot_type.index(t.STACK_SPILL)] + reg_text(s.reg, frameno, names)
    if kind == t.STACK_DYNPTR:
        reg = second.reg if second is not None else s.reg
        parts = [
            f"{label}={value}"
            # first_slot lies where dynptr_id does in the kernel's union.
            for label, value in (("id", reg.id), ("ref_id", reg.ref_obj_id), ("dynptr_id", int(reg.first_slot)))
            if value
        ]
        return f"dynptr_{dynptr_type_str(reg.dynptr_type)}({','.join(parts)})"
    if kind == t.STACK_ITER:
        if not s.reg.ref_obj_id:
            return ""
        state = ITER_STATE_STR.get(s.reg.iter_state, "<unknown>")
        name = iter_type_str(s.reg.btf, s.reg.btf_id)
        return f"iter_{name}(ref_id={s.reg.ref_obj_id},state={state},depth={s.reg.iter_depth})"
    if all(k == t.STACK_INVALID for k in s.slot_type):
        return ""
    return slot_types_text(s.slot_type)


def state_text(s: StateSnapshot, names: TypeNames) -> str:
    """print_verifier_state(), without the final newline."""
    out = f" frame{s.frameno}:" if s.frameno else ""
    by_idx = {slot.idx: slot for slot in s.slots}
    skip = -1
    for slot in s.slots:
        if slot.idx < 11:
            out += f" R{slot.idx}{liveness_text(slot.live)}={reg_text(slot.reg, s.frameno, names)}"
            continue
        if slot.idx == skip:
            continue
        shown = slot
        second = None
        if slot.slot_type[7] == t.STACK_DYNPTR:
            skip = slot.idx + 1
            second = by_idx.get(skip)
            shown = second or slot
        text = slot_text(slot, second, s.frameno, names)
        if text:
            out += f" fp{(11 - shown.idx - 1) * 8}{liveness_text(shown.live)}={text}"
    ids = [r.id for r in s.refs]
    if ids and ids[0]:
        out += " refs=" + ",".join(str(i) for i in ids if i)
    if s.in_callback_fn:
        out += " cb"
    if s.in_async_callback_fn:
        out += " async_cb"
    return out
