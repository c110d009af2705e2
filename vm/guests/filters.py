"""tc programs as cls_bpf filters, and tc actions behind a filter that matches every packet, through netlink."""

from __future__ import annotations

import struct
from typing import Final

from vm.guests.attaching import Attacher, NotAttached, device
from vm.guests.network import attribute, module, talk
from vm.guests.wire import Slot
from vm.kernel.errno import EEXIST
from vm.program import Program

_CLSACT: Final = 0xFFFF_0000
_PARENT: Final = 0xFFFF_FFF1
_DIRECTION: Final = {"ingress": 0xFFFF_FFF2, "egress": 0xFFFF_FFF3}
_ALL: Final = 0x0300  # ETH_P_ALL in the network's order
_NEWQDISC, _NEWFILTER, _CREATE, _ADD = 36, 44, 0x605, 0x405
_KIND, _OPTIONS = 1, 2
_BPF_ACT, _BPF_OPS_LEN, _BPF_OPS, _BPF_FD, _BPF_NAME, _BPF_FLAGS = 1, 4, 5, 6, 7, 8
_DIRECT_ACTION: Final = 1
_ACT_PARMS, _ACT_FD, _ACT_NAME = 2, 5, 6
_PIPE: Final = 3  # what TC_ACT_UNSPEC of the program stands for
_MATCHES: Final = struct.pack("<HBBI", 6, 0, 0, 0xFFFF_FFFF)  # classic BPF: ret -1
_NAME: Final = b"bpfscope\0"


def filtered(attacher: Attacher, program: Program, slot: Slot, index: int) -> None:
    """A cls_bpf filter on a device's clsact, as tc and bpf_tc_attach() make it, for kernels without tcx."""
    where = "egress" if "egress" in program.section else "ingress"
    options = attribute(_BPF_NAME, _NAME) + attribute(_BPF_FLAGS, struct.pack("<I", _DIRECT_ACTION))
    _filter(attacher, index, where, options + attribute(_BPF_FD, bytes(4)), slot)


def action(attacher: Attacher, program: Program, slot: Slot) -> None:
    """The action of a filter for every packet that leaves the device."""
    name, index = device(attacher, program)
    _needs(attacher, "act_bpf")
    parms = struct.pack("<IIiii", 0, 0, _PIPE, 0, 0)
    does = attribute(_ACT_PARMS, parms) + attribute(_ACT_NAME, _NAME) + attribute(_ACT_FD, bytes(4))
    first = attribute(1, attribute(_KIND, b"bpf\0") + attribute(_OPTIONS, does))
    matches = attribute(_BPF_OPS_LEN, struct.pack("<H", 1)) + attribute(_BPF_OPS, _MATCHES)
    _filter(attacher, index, "egress", attribute(_BPF_NAME, _NAME) + matches + attribute(_BPF_ACT, first), slot)
    attacher.where[program.name] = f"a filter for every packet that leaves {name}"


def _filter(attacher: Attacher, index: int, where: str, options: bytes, slot: Slot) -> None:
    """Make the qdisc if it is not there, and a filter of it; the last bytes of its options are the program's place."""
    for name in ("sch_ingress", "cls_bpf"):
        _needs(attacher, name)
    made = talk(
        attacher.machine, _NEWQDISC, _CREATE,
        struct.pack("<BxHiIII", 0, 0, index, _CLSACT, _PARENT, 0) + attribute(_KIND, b"clsact\0"),
    )  # fmt: skip
    if made not in (0, -EEXIST):
        raise NotAttached(f"the kernel made no clsact qdisc: it answered {made}")
    head = struct.pack("<BxHiIII", 0, 0, index, 0, _DIRECTION[where], 1 << 16 | _ALL) + attribute(_KIND, b"bpf\0")
    done = talk(attacher.machine, _NEWFILTER, _ADD, head + attribute(_OPTIONS, options), ((-4, slot),))
    if done:
        raise NotAttached(f"the kernel made no cls_bpf filter: it answered {done}")


def _needs(attacher: Attacher, name: str) -> None:
    if not module(attacher.machine, name):
        raise NotAttached(f"the guest's image has no module {name}")
