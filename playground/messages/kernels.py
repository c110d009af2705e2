"""The messages about real kernels: what each said of the program."""

from __future__ import annotations

from typing import Annotated, Literal

from playground.messages.base import Wire, about


class KernelName(Wire, frozen=True):
    """A real kernel that this server has."""

    name: Annotated[str, about("its series: `7.3`")]
    release: Annotated[str, about("what `uname -r` prints")]


class Kernels(Wire, frozen=True):
    """The real kernels that are asked; a `cell` for each follows."""

    type: Literal["kernels"]
    kernels: list[KernelName]
    missing: Annotated[str, about('what this server lacks to ask any, a sentence for its operator; `""`: nothing')]


class Changed(Wire, frozen=True):
    """The likely cause of a kernel's verdict being another than that of the next older one (docs/verifier-changes)."""

    kernel: Annotated[str, about("the newer of the two, its series")]
    id: Annotated[str, about('`""`: the catalogue has no entry that fits')]
    title: Annotated[str, about("what a user sees, in a sentence")]
    commit: Annotated[str, about('of Linux; `""` where no source says it')]


class KernelCell(Wire, frozen=True):
    """What one kernel said of the program."""

    type: Literal["cell"]
    program: str
    kernel: Annotated[str, about("its series")]
    release: str
    clang: Annotated[str, about('what compiled the source; `""` for other kinds')]
    mcpu: str
    opt: str
    verdict: Annotated[
        Literal["accept", "reject", "error", "limit"],
        about(
            "`error`: refused before the verifier, by libbpf's rules or the kernel; `limit`: no answer within the "
            "limits, or the kernel crashed"
        ),
    ]
    errno: Annotated[int, about("negative; 0 if accepted, or not known")]
    insns_processed: int
    message: Annotated[str, about("the verifier's last words, or why there is no verdict")]
    log: Annotated[str, about("the kernel's log of level 1")]


class CellsDone(Wire, frozen=True):
    """All kernels have answered."""

    type: Literal["cells_done"]
    asked: Annotated[int, about("how many `cell` messages there were")]
    changes: list[Changed]
