"""A program as a client gives it: text or bytes, options, inputs; and the message that runs it."""

from __future__ import annotations

from typing import Annotated, Final, Literal, TypeAlias

from msgspec import UNSET, field

from playground.messages import VERSION
from playground.messages.base import NAME_LENGTH, Unset, Wire, about

EVENT_VALUES: Final = 128
LIST_LENGTH: Final = 64
MAX_FILES: Final = 32
MAX_LAYERS: Final = 16
MAX_LAYER_FIELDS: Final = 32

Kind: TypeAlias = Literal["c", "asm", "hex", "elf", "listing", "log"]
Name: TypeAlias = Annotated[str, about("a name", max_length=NAME_LENGTH)]
FileName: TypeAlias = Annotated[
    str,
    about(
        "a relative path",
        sentence="The file name {0} cannot be used: it has to be a relative path of at most 128 letters, digits and "
        "the characters _ . + @ - whose parts, at most 8, do not begin with a point.",
        pattern=r"^(?=.{1,128}(?![\s\S]))[A-Za-z0-9_][A-Za-z0-9_.+@-]*(/[A-Za-z0-9_][A-Za-z0-9_.+@-]*){0,7}(?![\s\S])",
    ),
]
FileText: TypeAlias = Annotated[str, about("", sentence="The file {0} has to be text.")]
LayerField: TypeAlias = Annotated[
    str | int, about("", sentence="The fields of the layer {0} have to be text or whole numbers.")
]
Layer: TypeAlias = Annotated[
    dict[Name, LayerField],
    about(
        "",
        sentence=f"The layer {{0}} of a packet has to be an object of at most {MAX_LAYER_FIELDS} fields by name.",
        max_length=MAX_LAYER_FIELDS,
    ),
]


UploadId: TypeAlias = Annotated[
    str,
    about(
        "id of an upload (docs/web.md)",
        sentence="This is no id of an upload.",
        pattern=r"^[0-9a-f]{32}(?![\s\S])",
    ),
]
_UPLOAD: Final = about(
    'id of an upload whose bytes take the place of the text, which is `""` then',
    sentence="This is no id of an upload.",
    pattern=r"^[0-9a-f]{32}(?![\s\S])",
)


class Options(Wire, frozen=True):
    """How the program is compiled, loaded, verified and run. Every option may be left out."""

    program: Annotated[
        str, about('the program\'s name; `""`: the first', title="The option program", max_length=NAME_LENGTH)
    ] = ""
    opt: Annotated[Literal["O0", "O1", "O2"], about("clang's optimisation level", title="The option opt")] = "O2"
    mcpu: Annotated[Literal["v1", "v2", "v3", "v4"], about("BPF instruction set version", title="The option mcpu")] = (
        "v3"
    )
    fix_includes: Annotated[
        bool, about("add the `#include` lines a C source lacks", title="The option fix_includes")
    ] = False
    prog_type: Annotated[
        str,
        about(
            "program type of assembly and hex, as a section name", title="The option prog_type", max_length=NAME_LENGTH
        ),
    ] = "xdp"
    verify: Annotated[
        bool, about("without it the interpreter runs the program unverified", title="The option verify")
    ] = True
    unprivileged: Annotated[bool, about("load as a user without capabilities", title="The option unprivileged")] = False
    engine: Annotated[Literal["jit", "interpreter"], about("what executes the program", title="The option engine")] = (
        "jit"
    )


_SOCKET: Final = about(
    "the socket a socket filter is attached to: `packet` (the default), `dgram`, `ip`, `transport` or `test_run`",
    title="The socket's name",
    max_length=NAME_LENGTH,
)


class _Input(Wire, frozen=True, tag_field="kind"):
    """What a program is run on."""


class AutoInput(_Input, frozen=True, tag="auto"):
    """The program decides: a packet for networking programs, an event with example values for tracing ones."""


class NoInput(_Input, frozen=True, tag="none"):
    """Nothing."""


class PacketInput(_Input, frozen=True, tag="packet"):
    """One packet, as bytes."""

    hex: Annotated[str, about("the bytes; white space is ignored", sentence="The packet has to be hex text.")]
    socket: Annotated[str, _SOCKET] | Unset = UNSET
    upload: Annotated[str, _UPLOAD] | Unset = UNSET


class FormInput(_Input, frozen=True, tag="form"):
    """One packet, as layers."""

    layers: Annotated[
        dict[Name, Layer],
        about(
            "see *Layers*",
            title="The packet's form",
            sentence=f"A packet's layers have to be an object of at most {MAX_LAYERS} layers by name.",
            max_length=MAX_LAYERS,
        ),
    ] = field(default_factory=dict)
    socket: Annotated[str, _SOCKET] | Unset = UNSET


class PcapInput(_Input, frozen=True, tag="pcap"):
    """The packets of a capture, one run each; maps are kept between them."""

    base64: Annotated[str, about("a pcap or pcapng file", sentence="The capture has to be sent as base64 text.")]
    socket: Annotated[str, _SOCKET] | Unset = UNSET
    upload: Annotated[str, _UPLOAD] | Unset = UNSET


class Bytes(Wire, frozen=True):
    """Bytes."""

    hex: str


Value: TypeAlias = str | int | Annotated[list[str], about("at most 64 texts", max_length=LIST_LENGTH)] | Bytes


EventValue: TypeAlias = Annotated[
    Value,
    about(
        "",
        sentence="The event's value {0} has to be text, a whole number, a list of at most "
        f"{LIST_LENGTH} texts or bytes in hex.",
    ),
]


class EventInput(_Input, frozen=True, tag="event"):
    """An event with the values of its arguments or fields."""

    name: Annotated[
        str, about('the event; `""`: the program\'s own', title="The event's name", max_length=NAME_LENGTH)
    ] = ""
    values: Annotated[
        dict[Name, EventValue],
        about(
            "see *Values*; at most 128",
            title="The event's values",
            sentence=f"The event's values have to be an object of at most {EVENT_VALUES} names.",
            max_length=EVENT_VALUES,
        ),
    ] = field(default_factory=dict)


class GivenInput(_Input, frozen=True, tag="given"):
    """Everything a run gets, by where the program gets it: a counterexample.

    The program runs as it was loaded, in the interpreter, also if the verifier rejected it; each access is checked.
    """

    json: Annotated[str, about("the JSON text of an input file (docs/counterexample.md)")]
    upload: Annotated[str, _UPLOAD] | Unset = UNSET


class RecordedInput(_Input, frozen=True, tag="recording"):
    """A recording of the program in a real kernel (docs/recordings.md): its events take the place of runs."""

    base64: Annotated[str, about("a file of `record`", sentence="The recording has to be sent as base64 text.")]
    upload: Annotated[str, _UPLOAD] | Unset = UNSET


Input: TypeAlias = AutoInput | NoInput | PacketInput | FormInput | PcapInput | EventInput | GivenInput | RecordedInput


class Beside(Wire, frozen=True):
    """The source of the program that a log is of: verified here too, to see where the two part."""

    kind: Annotated[
        Literal["c", "asm", "hex", "elf"],
        about("what `source` is", sentence="The kind of the source beside a log has to be one of c, asm, hex, elf."),
    ]
    source: Annotated[
        str,
        about("the text; of an object file (`elf`) its base64", sentence="The source beside a log has to be text."),
    ]
    options: Annotated[
        Options, about("how it is treated", title="The options", sentence="The options have to be an object.")
    ] = Options()
    upload: Annotated[str, _UPLOAD] | Unset = UNSET


class Request(Wire, frozen=True):
    """What is run, shared and stored."""

    kind: Annotated[
        Kind,
        about(
            "what `source` is; `listing`: by `llvm-objdump -d` or `bpftool prog dump xlated`; "
            "`log`: a verifier's log that is read instead of a program",
            sentence="The kind of the source has to be one of c, asm, hex, elf, listing, log.",
        ),
    ]
    source: Annotated[
        str,
        about(
            'the text; of an object file (`elf`) its base64; `""` with `upload`',
            sentence="The source has to be text.",
        ),
    ]
    options: Annotated[
        Options, about("how it is treated", title="The options", sentence="The options have to be an object.")
    ] = Options()
    input: Annotated[Input, about("what it is run on; absent: `auto`", title="The input")] = AutoInput()
    name: (
        Annotated[
            str,
            about(
                "the object's name, with which the names of its maps of global variables begin; absent: `program`",
                title="The object's name",
                max_length=NAME_LENGTH,
            ),
        ]
        | Unset
    ) = UNSET
    files: (
        Annotated[
            dict[FileName, FileText],
            about(
                "with `c`: the user's own headers by the names that `#include` gives them; with `elf`: the sources it "
                f"was made of, for the text of its lines; at most {MAX_FILES}",
                sentence=f"The files have to be an object of at most {MAX_FILES} texts by name.",
                max_length=MAX_FILES,
            ),
        ]
        | Unset
    ) = UNSET
    upload: (
        Annotated[
            str,
            about(
                'id of an upload that is the source, which is `""` then; of an object file its bytes. A log can be '
                "read once. What is uploaded is not shared",
                sentence="This is no id of an upload.",
                pattern=r"^[0-9a-f]{32}(?![\s\S])",
            ),
        ]
        | Unset
    ) = UNSET
    uploads: (
        Annotated[
            dict[FileName, UploadId],
            about(
                f"further files, by name: ids of uploads; with `files` at most {MAX_FILES}",
                sentence=f"The uploaded files have to be an object of at most {MAX_FILES} ids by name.",
                max_length=MAX_FILES,
            ),
        ]
        | Unset
    ) = UNSET
    beside: (
        Annotated[
            Beside, about("with `log`: the program's source", sentence="The source beside a log has to be an object.")
        ]
        | Unset
    ) = UNSET


class Run(Wire, frozen=True):
    """Start a run. A second one on a socket cancels the first. A known request is answered from what is stored."""

    type: Literal["run"]
    v: Annotated[
        Literal[1],
        about(
            "version of the protocol",
            sentence=f"This server speaks version {VERSION} of the run protocol; reload the page.",
        ),
    ]
    request: Annotated[Request, about("what to run", title="A request")]
    instead: Annotated[
        str,
        about(
            "id of a run that this one replaces: it is cancelled if nobody watches it (its connection was lost)",
            sentence="instead must be the id of a run.",
        ),
    ] = ""
