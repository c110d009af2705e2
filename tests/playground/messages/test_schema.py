"""The schema of the socket's messages: what is generated from it, and that the real messages are what it says."""

from __future__ import annotations

import json
from typing import Any, get_args

import msgspec
import pytest

from playground.messages import asked, programs, questions, reads, stage_fields
from playground.messages.__main__ import main
from playground.messages.base import Wire
from playground.messages.check import WrongValue, checked, is_struct, opened, tagged
from playground.messages.endpoints import SessionRequest
from playground.messages.render import ROOT, document, generated, structures
from playground.messages.told import read
from playground.messages.view import View
from playground.present.run import run_job
from playground.requests import check_request
from vm.errors import NOT_EMULATED_KINDS

EXAMPLES = ROOT / "examples"
C = "#include <linux/bpf.h>\n#include <bpf/bpf_helpers.h>\n"
LICENSE = 'char LICENSE[] SEC("license") = "GPL";\n'
EVENTS = (
    C + 'struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); } out SEC(".maps");\nint seen = 3;\n'
    'SEC("tp/syscalls/sys_enter_getpid") int p(void *ctx) { __u32 pid = bpf_get_current_pid_tgid();\n'
    'bpf_printk("pid %d", pid); bpf_ringbuf_output(&out, &pid, 4, 0); seen += pid; return 0; }\n' + LICENSE
)
WORK_QUEUE = """#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
struct bpf_wq { unsigned long long opaque[2]; };
extern int bpf_wq_init(struct bpf_wq *wq, void *map, unsigned int flags) __ksym;
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, __u64); } work SEC(".maps");
SEC("tc") int later(struct __sk_buff *ctx) { __u32 key = 0; void *value = bpf_map_lookup_elem(&work, &key);
  if (!value) return 0; bpf_wq_init(value, &work, 0); return 0; }
""" + LICENSE  # fmt: skip # noqa: E501
LOOP = "r0 = 0\nloop:\nr0 += 1\nif r0 < {} goto loop\nr0 = 2\nexit\n"
CALL = "r1 = 5\ncall helper\nexit\nhelper:\nr0 = r1\n*(u64 *)(r10 - 8) = r0\nexit\n"
FORM = {"kind": "form", "layers": {"eth": {}, "ip": {}, "udp": {"dport": 53}}}
SMALL = {"kind": "asm", "source": "exit"}
ASKED = questions.SettingsRequest
STORED = ("program", "block", "outline", "touched", "reasons")
"""What a worker tells the server alone, for its store."""
REQUESTS: dict[str, dict[str, Any]] = {
    **{path.name: {"kind": "c", "source": path.read_text()} for path in sorted(EXAMPLES.glob("*.c"))},
    "events and variables": {"kind": "c", "source": EVENTS},
    "not emulated": {"kind": "c", "source": WORK_QUEUE},
    "does not compile": {"kind": "c", "source": 'SEC("xdp") int f(struct xdp_md *ctx) { return XDP_PASS }\n'},
    "an include to add": {
        "kind": "c", "source": 'SEC("xdp") int f(struct xdp_md *ctx) { return XDP_PASS; }\n',
        "options": {"fix_includes": True},
    },
    "no such program": {"kind": "asm", "source": "r0 = 0\nexit", "options": {"program": "other"}},
    "broken assembly": {"kind": "asm", "source": "r0 = \nexit"},
    "not verified": {"kind": "asm", "source": "r0 = 1\nexit", "options": {"verify": False}},
    "interpreter": {"kind": "asm", "source": CALL, "options": {"engine": "interpreter"}, "input": FORM},
    "unprivileged": {
        "kind": "asm", "source": ".type socket\nr0 = r10\nexit",
        "options": {"unprivileged": True, "prog_type": "socket"},
    },
    "a loop": {"kind": "asm", "source": LOOP.format(300), "input": {"kind": "packet", "hex": "ff" * 64}},
    "a fault": {"kind": "asm", "source": "r0 = *(u64 *)(r10 + 4096)\nexit", "options": {"verify": False}},
    "hex": {"kind": "hex", "source": "b7 00 00 00 02 00 00 00 95 00 00 00 00 00 00 00", "input": {"kind": "none"}},
}  # fmt: skip


def test_the_tables_and_types_are_those_of_the_schema() -> None:
    stale = [path.name for path, text in generated().items() if not path.exists() or path.read_text() != text]
    assert stale == [], "run `make protocol`"


def test_a_document_without_a_structure_is_refused() -> None:
    with pytest.raises(ValueError, match="Accepted"):
        document("<!-- generated: Hello -->\n<!-- end -->")
    assert main(["shout"]) == 2


def test_a_changed_field_makes_the_files_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    before = generated()

    class Cancel(Wire, frozen=True):
        """Stop the run."""

        why: str

    monkeypatch.setattr(asked, "TYPES", {**asked.TYPES, "cancel": Cancel})
    assert all(before[path] != text for path, text in generated().items())


@pytest.mark.parametrize("name", REQUESTS)
def test_what_a_run_says_is_in_the_schema(name: str) -> None:
    said = [json.dumps(message) for message in run_job(check_request(REQUESTS[name])) if message["type"] not in STORED]
    assert said
    for text in said:
        read(text)


def test_a_field_that_is_not_in_the_schema_is_found() -> None:
    first = json.dumps({"type": "accepted", "run": "x", "cached": True})
    with pytest.raises(msgspec.ValidationError, match="cached"):
        read(first)
    with pytest.raises(msgspec.ValidationError, match="run"):
        read('{"type": "accepted"}')


def test_every_kind_of_what_is_not_emulated_is_known() -> None:
    kind, _ = opened(msgspec.structs.fields(stage_fields.NotCovered)[0].type)
    assert get_args(kind) == NOT_EMULATED_KINDS


class Nothing:
    """A value that fits no field."""


REQUEST_TYPES = (programs.Request, programs.Options, *asked.TYPES.values(), *tagged(programs.Input).values())


@pytest.mark.parametrize("kind", REQUEST_TYPES, ids=lambda kind: kind.__name__)
def test_every_field_of_a_request_has_a_sentence(kind: type[Wire]) -> None:
    for field in msgspec.structs.fields(kind):
        inner, _ = opened(field.type)
        if is_struct(inner) or field.encode_name == "type":
            continue
        good = {f.encode_name: _example(f.type) for f in msgspec.structs.fields(kind) if f.required}
        with pytest.raises(WrongValue) as caught:
            checked({**good, field.encode_name: Nothing()}, kind, "The request")
        assert caught.value.message.endswith(".") and "{" not in caught.value.message


def _example(kind: Any) -> Any:
    """A value that fits a field."""
    inner, said = opened(kind)
    if is_struct(inner):
        return {"kind": "asm", "source": "exit"}
    if args := get_args(inner):
        return args[0]
    return {str: "x", int: 1 + (said.ge or 0)}[inner]


@pytest.mark.parametrize(
    ("kind", "value", "sentence"),
    [
        (reads.Window, {"type": "window", "stage": "jit"}, "The stage of a window must be verify or run."),
        (reads.Window, {"type": "window", "stage": "run", "run": -1, "from": 0, "to": 1}, "must be a number from 0"),
        (reads.Window, {"type": "window", "stage": "run", "from": 0}, "end at a later step"),
        (asked.Resume, {"type": "resume"}, "no longer stored"),
        (
            asked.Cancel,
            {"type": "cancel", "now": 1},
            "field 'now' in the message that is not known here; known is type.",
        ),
        (programs.FormInput, {"kind": "form", "layers": {"x" * 200: {}}}, "at most 128 characters"),
        (
            programs.EventInput,
            {"kind": "event", "values": {"a": {"hex": "0", "b": 1}}},
            "The event's value 'a' has to be",
        ),
        (programs.EventInput, {"kind": "event", "values": dict.fromkeys(map(str, range(129)), 1)}, "at most 128 names"),
        (View, {"selected": {"name": 1, "frame": 0}}, "The message's selected.name has to be text"),
        (View, {"shape": {"x": 1}}, "a field 'x' in the message's shape that is not known here; known are view, find"),
        (SessionRequest, {"asked": {"settings": 1}, "request": SMALL}, "asked.settings has to be a list of"),
        (SessionRequest, {"asked": {"a\u202e": 1}, "request": SMALL}, "asked: the name 'a\\u202e' has to be one of"),
        (ASKED, {"type": "settings", "request": SMALL, "values": {"0": 1}}, "The values of '0' have to be at most"),
    ],
)
def test_a_wrong_value_is_named(kind: type[Wire], value: dict[str, Any], sentence: str) -> None:
    with pytest.raises(WrongValue) as caught:
        checked(value, kind, "The message")
    assert sentence in caught.value.message


def test_the_structures_of_both_sides_are_there() -> None:
    names = {kind.__name__ for kind in structures()}
    assert {"Run", "Request", "FormInput", "Hello", "Verified", "MachineStep", "Remark"} <= names
