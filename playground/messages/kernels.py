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
    compilers: Annotated[list[str], about("major versions of clang that there are beside the usual one")]
    missing: Annotated[str, about('what this server lacks to ask any, a sentence for its operator; `""`: nothing')]


class Changed(Wire, frozen=True):
    """The likely cause of a kernel's verdict being another than that of the next older one (docs/verifier-changes)."""

    kernel: Annotated[str, about("the newer of the two, its series")]
    id: Annotated[str, about('`""`: the catalogue has no entry that fits')]
    title: Annotated[str, about("what a user sees, in a sentence")]
    commit: Annotated[str, about('of Linux; `""` where no source says it')]


class Said(Wire, frozen=True):
    """A verdict on the program."""

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
    states: Annotated[int, about("checkpoints that the verifier stored (`total_states`); -1: not known")]
    message: Annotated[str, about("the verifier's last words, or why there is no verdict")]
    log: Annotated[str, about("the log, of level 2 with one compiler, else of level 1")]
    diagnosis: Annotated[
        list[str],
        about(
            "what Linux 7.3 says beside the message of a rejected program, line by line; of the emulation, its own "
            "explanation; else `[]`"
        ),
    ]
    code: Annotated[str, about('the same text for the same instructions as they were loaded; `""`: none were')]


class KernelCell(Said, frozen=True, kw_only=True):
    """What one kernel said of the program."""

    type: Literal["cell"]


class HeldAgainst(Wire, frozen=True):
    """The emulation held against the real kernel of its own release."""

    kernel: Annotated[str, about("its series")]
    release: str
    where: Annotated[
        Literal["", "verdict", "errno", "insns_processed", "log"], about('what differs; `""`: they are identical')
    ]
    line: Annotated[int, about("of the logs, from 0, where they part; -1")]
    ours: str
    theirs: str


class EmulatedCell(Said, frozen=True, kw_only=True):
    """What the emulation said, `kernel` is `emulated`."""

    type: Literal["emulated"]
    verified: Annotated[HeldAgainst | None, about("null: that kernel is not there, or one of the two has no verdict")]


class KernelVerdict(Wire, frozen=True):
    """A verdict in short."""

    kernel: Annotated[str, about("its series")]
    verdict: str
    message: str


class FixTried(Wire, frozen=True):
    """What the kernels said of the program after a change that the emulation accepts (docs/fixes.md)."""

    type: Literal["fix_tried"]
    title: str
    diff: str
    kernels: list[KernelVerdict]


class Lacking(Wire, frozen=True):
    """What the program needs by name and a kernel does not have."""

    kernel: Annotated[str, about("its series")]
    needs: Annotated[list[str], about("sentences")]


class CellsDone(Wire, frozen=True):
    """All kernels have answered."""

    type: Literal["cells_done"]
    asked: Annotated[int, about("how many `cell` messages there were")]
    changes: Annotated[list[Changed], about("between neighbouring kernels, of the first compiler")]
    lacking: list[Lacking]


class EventRecorded(Wire, frozen=True):
    """An event of a program was recorded in a real kernel."""

    type: Literal["event_recorded"]
    program: str
    task: Annotated[str, about("the name and process id of the task that was running")]
    insns: Annotated[int, about("machine instructions")]
    ms: Annotated[float, about("that recording it took")]


class RecordingMade(Wire, frozen=True):
    """The recording is made, or nothing was recorded. Without a kernel it is the only message."""

    type: Literal["recording"]
    kernel: Annotated[str, about("what `uname -r` prints there")]
    events: int
    base64: Annotated[str, about('the file, for an input of kind `recording`; `""`: there was no event')]
    notes: Annotated[list[str], about("what it leaves out, and which programs were not attached")]
    missing: Annotated[str, about('what this server lacks, a sentence for its operator; `""`: nothing')]
