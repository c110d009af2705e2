"""The messages about a run on a real kernel."""

from __future__ import annotations

from typing import Annotated, Literal

from playground.messages.base import Wire, about
from playground.messages.kernels import KernelName

_HEX = about("in hex; the first 4,096 bytes")


class SetVariable(Wire, frozen=True):
    """A global variable that can have another value."""

    name: str
    section: Annotated[str, about("`.rodata`, `.data` or `.bss`")]
    type: Annotated[str, about("C text")]
    value: Annotated[str, about("that it has, as C text")]


class SetMap(Wire, frozen=True):
    """A map that can have another size."""

    name: str
    type: Annotated[str, about('as bpftool names it; `""` if it cannot be given entries')]
    key: Annotated[str, about("its keys' type, C text or their size")]
    value: Annotated[str, about("its values' type, C text or their size")]
    max_entries: int
    filled: Annotated[bool, about("whether it can be given entries")]


class SetTarget(Wire, frozen=True):
    """A program that can be attached to something else."""

    program: str
    section: str
    target: Annotated[str, about("what it is attached to")]
    devices: Annotated[list[str], about("the network devices that there are; `[]`: it is attached to something else")]


class Setup(Wire, frozen=True):
    """What can be changed before the object runs on a real kernel."""

    type: Literal["setup"]
    variables: list[SetVariable]
    maps: list[SetMap]
    programs: list[SetTarget]


class RealBegun(Wire, frozen=True):
    """A run on a real kernel begins. `real_packet`, `real_attached`, `real_output`, `real_map` and `real_done` follow.

    Where there is no kernel, `real_done` follows.
    """

    type: Literal["real"]
    kernels: Annotated[list[KernelName], about("those that this server has")]
    missing: Annotated[str, about('what this server lacks, a sentence for its operator; `""`: nothing')]
    kernel: Annotated[str, about('the one that is used, its series; `""`: none')]
    release: Annotated[str, about("what `uname -r` prints there")]
    workloads: Annotated[list[str], about("names of the workloads that there are")]


class Emulated(Wire, frozen=True):
    """What the emulated machine made of the same packet."""

    retval: int
    out: Annotated[str, _HEX]
    fault: Annotated[str, about('why it stopped; `""`: it did not')]
    same: Annotated[bool, about("whether value and packet are those of the kernel")]


class RealPacket(Wire, frozen=True):
    """What the kernel made of a single packet, by BPF_PROG_TEST_RUN."""

    type: Literal["real_packet"]
    number: Annotated[int, about("of the packet, from 0")]
    errno: Annotated[int, about("negative: why it was not run")]
    retval: Annotated[int, about("what the program returned, 32 bits")]
    out: Annotated[str, _HEX]
    size: Annotated[int, about("bytes of the packet as the program left it")]
    ours: Annotated[Emulated | None, about("null: the emulated machine did not run the program")]


class RealAttached(Wire, frozen=True):
    """Whether a program of the object is attached."""

    type: Literal["real_attached"]
    program: str
    ok: bool
    why: Annotated[str, about("why it is not")]
    device: Annotated[str, about('the network device, route or map that it is attached to; `""`: none of these')]


class RealLine(Wire, frozen=True):
    """What a program put out."""

    kind: Annotated[
        Literal["printk", "shell", "record"],
        about(
            "`printk`: a line of trace_pipe; `shell`: of what the workload wrote; `record`: of a ring or perf buffer, "
            "or an iterator's text"
        ),
    ]
    source: Annotated[str, about("name of the buffer or iterator")]
    text: Annotated[str, about('as text, decoded through BTF; `""`: nothing says how')]
    bytes: Annotated[str, _HEX]
    size: Annotated[int, about("bytes of the record")]


class RealOutput(Wire, frozen=True):
    """What came since the last such message."""

    type: Literal["real_output"]
    ms: Annotated[int, about("milliseconds since the question was taken up")]
    lines: list[RealLine]


class RealEntry(Wire, frozen=True):
    """An entry of a map. The texts are decoded through BTF, `""` without."""

    key: Annotated[str, about("in hex")]
    value: Annotated[str, _HEX]
    key_text: str
    value_text: str


class Bar(Wire, frozen=True):
    """A count."""

    label: str
    count: int


class Bars(Wire, frozen=True):
    """Counts that are best drawn."""

    title: Annotated[str, about('key and field of the entry that has them; `""`: they are the entries')]
    bars: list[Bar]


class RealMap(Wire, frozen=True):
    """What a map holds now. Told while the workload runs where it changed, and at the end."""

    type: Literal["real_map"]
    map: str
    entries: Annotated[list[RealEntry], about("the first 256")]
    whole: Annotated[bool, about("whether these are all")]
    bars: list[Bars]


class RealDone(Wire, frozen=True):
    """The run on a real kernel is over."""

    type: Literal["real_done"]
    status: Annotated[int | None, about("exit status of the workload; null: it was stopped, or did not start")]
    lost: Annotated[int, about("records that the kernel counted as lost")]
    left_out: Annotated[tuple[int, int], about("records, and bytes of printed text, that are not told: too many")]
    stopped: Annotated[str, about('why the run was ended before its time, a sentence; `""`: it was not')]
    ms: Annotated[int, about("milliseconds since the question was taken up")]
