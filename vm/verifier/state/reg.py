"""One register's abstract value (struct bpf_reg_state)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

from vm.native import mypyc_attr
from vm.verifier.domain.scalar import UNKNOWN, Scalar, const
from vm.verifier.state.reg_types import NOT_INIT, PTR_TO_STACK, SCALAR_VALUE

if TYPE_CHECKING:
    from vm.btf.types import Btf


@mypyc_attr(free_list_len=1)
@final
class RegState:
    """A value of struct bpf_reg_state, without liveness (that is LiveRow's).

    Once stored in a FuncState or StackSlot it is never changed: clone(), change the clone, store it.
    The kernel's union is spelt out, so a field means something only for some types:
      range -- packet pointers; map_ptr (index into Program.maps, -1: none), map_uid -- map pointers, keys and values;
      inner_map -- map_ptr's *inner* template is meant (a value looked up in a map-in-map);
      btf, btf_id -- PTR_TO_BTF_ID and iterator slots; mem_size, dynptr_id -- PTR_TO_MEM;
      dynptr_type, first_slot -- dynptrs; iter_state, iter_depth -- iterator slots; subprogno -- PTR_TO_FUNC.
    `scalar` is the number itself, or a pointer's variable offset; `off` a pointer's fixed offset
    (for a scalar: the constant delta of linked registers, see BPF_ADD_CONST).
    `row` is where a trace keeps the value (see values.py), 0 while it does not; it is no part of the value.
    """

    __slots__ = (
        "type", "off", "scalar", "id", "ref_obj_id", "range", "map_ptr", "inner_map", "map_uid", "btf", "btf_id",
        "mem_size", "dynptr_id", "dynptr_type", "first_slot", "iter_state", "iter_depth", "subprogno", "frameno",
        "precise", "row",
    )  # fmt: skip

    def __init__(self, type: int = NOT_INIT, scalar: Scalar = UNKNOWN) -> None:
        self.type: int = type
        self.off: int = 0
        self.scalar: Scalar = scalar
        self.id: int = 0
        self.ref_obj_id: int = 0
        self.range: int = 0
        self.map_ptr: int = -1
        self.inner_map: bool = False
        self.map_uid: int = 0
        self.btf: Btf | None = None
        self.btf_id: int = 0
        self.mem_size: int = 0
        self.dynptr_id: int = 0
        self.dynptr_type: int = 0
        self.first_slot: bool = False
        self.iter_state: int = 0
        self.iter_depth: int = 0
        self.subprogno: int = 0
        self.frameno: int = 0
        self.precise: bool = False
        self.row: int = 0

    def clone(self) -> RegState:
        """A copy that may be changed until it is stored."""
        r = RegState(self.type, self.scalar)
        r.off = self.off
        r.id = self.id
        r.ref_obj_id = self.ref_obj_id
        r.range = self.range
        r.map_ptr = self.map_ptr
        r.inner_map = self.inner_map
        r.map_uid = self.map_uid
        r.btf = self.btf
        r.btf_id = self.btf_id
        r.mem_size = self.mem_size
        r.dynptr_id = self.dynptr_id
        r.dynptr_type = self.dynptr_type
        r.first_slot = self.first_slot
        r.iter_state = self.iter_state
        r.iter_depth = self.iter_depth
        r.subprogno = self.subprogno
        r.frameno = self.frameno
        r.precise = self.precise
        return r

    def with_scalar(self, scalar: Scalar) -> RegState:
        """The same register with other bounds."""
        if scalar is self.scalar:
            return self
        r = self.clone()
        r.scalar = scalar
        return r

    def is_const(self) -> bool:
        """tnum_is_const(reg->var_off)."""
        return self.scalar.var_off.mask == 0


def fresh_not_init() -> RegState:
    """mark_reg_not_init(): nothing is known, nothing may be read."""
    return RegState(NOT_INIT)


NOT_INIT_REG: Final = fresh_not_init()


def unknown_scalar(precise: bool = False) -> RegState:
    """__mark_reg_unknown(): any 64-bit number. `precise` is !env->bpf_capable in the kernel."""
    r = RegState(SCALAR_VALUE)
    r.precise = precise
    return r


UNKNOWN_REG: Final = unknown_scalar()


def known_scalar(value: int) -> RegState:
    """A scalar register with one known value (unsigned 64-bit)."""
    return RegState(SCALAR_VALUE, const(value))


def frame_pointer(frameno: int) -> RegState:
    """R10 of a frame."""
    r = RegState(PTR_TO_STACK, const(0))
    r.frameno = frameno
    return r


def pointer(reg_type: int) -> RegState:
    """A pointer of `reg_type` with no offset (mark_reg_known_zero() after setting the type)."""
    return RegState(reg_type, const(0))
