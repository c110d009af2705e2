"""The schema as text: the tables of docs/protocol.md and the types of the page's scripts."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from types import NoneType
from typing import Any, Final, Literal, NamedTuple, get_args, get_origin

import msgspec
from msgspec import NODEFAULT

from playground.messages import asked, told
from playground.messages.base import Wire
from playground.messages.check import is_struct, is_union, opened
from playground.messages.parts import PARTS
from playground.messages.view import View

ROOT: Final = Path(__file__).resolve().parents[2]
DOCUMENT: Final = ROOT / "docs" / "protocol.md"
TYPES: Final = ROOT / "static" / "src" / "types" / "messages.d.ts"
BLOCK: Final = re.compile(r"(<!-- generated: ([\w, ]+) -->\n).*?(<!-- end -->)", re.DOTALL)
SERVER: Final = (*told.TYPES.values(), *told.STEPS.values(), *told.STAGE_TYPES, *PARTS.values())
"""All messages of the server."""


class Field(NamedTuple):
    """A field of a structure; kind is without UNSET and notes. `default` is shown text, "" if there is none."""

    name: str
    kind: Any
    meaning: str
    optional: bool
    default: str


def fields(kind: type[Wire]) -> Iterator[Field]:
    """The fields as they are on the wire, the tag of a union first."""
    config = kind.__struct_config__
    if config.tag_field:
        yield Field(config.tag_field, Literal[config.tag], "", False, "")
    for field in msgspec.structs.fields(kind):
        inner, said = opened(field.type)
        plain = field.default is not NODEFAULT and isinstance(field.default, bool | int | str)
        default = _json(field.default) if plain else ""
        yield Field(field.encode_name, inner, said.description or "", not field.required, default)


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def structures() -> list[type[Wire]]:
    """Every structure that messages are made of, each after those it is made of."""
    found: dict[type[Wire], None] = {}
    for kind in (*asked.TYPES.values(), *SERVER, View):
        _collect(kind, found)
    return list(found)


def _collect(kind: Any, found: dict[type[Wire], None]) -> None:
    kind, _ = opened(kind)
    if not is_struct(kind):
        for arm in get_args(kind) if get_origin(kind) is not Literal else ():
            _collect(arm, found)
    elif kind not in found:
        for field in fields(kind):
            _collect(field.kind, found)
        found[kind] = None


# Markdown ---------------------------------------------------------------------------------------------------------


def words(kind: Any) -> str:
    """A type for people: "[*Step*]", "text or null"."""
    kind, _ = opened(kind)
    if is_struct(kind):
        return f"*{kind.__name__}*"
    if is_union(kind):
        return " or ".join(dict.fromkeys(words(arm) for arm in get_args(kind)))
    origin, args = get_origin(kind), get_args(kind)
    if origin is Literal:
        return " or ".join(f"`{_json(arg)}`" for arg in args)
    if origin is list:
        return f"[{words(args[0])}]"
    if origin is tuple:
        return f"[{', '.join(map(words, args))}]"
    if origin is dict:
        return f"{{{words(args[0])}: {words(args[1])}}}"
    return {str: "text", int: "number", float: "number", bool: "true or false", NoneType: "null"}[kind]


def table(kind: type[Wire]) -> str:
    """A structure as a heading, its meaning, and a table of its fields."""
    lines = [f"**{kind.__name__}**: {inspect.cleandoc(kind.__doc__ or '')}".replace("\n\n", " "), ""]
    rows = list(fields(kind))
    if rows:
        lines += ["| field | type | meaning |", "|---|---|---|"]
    for row in rows:
        absent = f" (optional{', ' + f'`{row.default}`' if row.default else ''})" if row.optional else ""
        lines.append(f"| `{row.name}`{absent} | {_cell(words(row.kind))} | {_cell(row.meaning)} |")
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def document(text: str) -> str:
    """The text of docs/protocol.md with its tables generated. ValueError unless each structure is shown once."""
    known = {kind.__name__: kind for kind in structures()}
    shown: list[str] = []

    def block(match: re.Match[str]) -> str:
        names = [name.strip() for name in match[2].split(",")]
        shown.extend(names)
        return match[1] + "\n" + "\n".join(table(known[name]) for name in names) + "\n" + match[3]

    text = BLOCK.sub(block, text)
    if sorted(shown) != sorted(known):
        wrong = sorted(set(shown) ^ set(known)) or sorted({name for name in shown if shown.count(name) > 1})
        raise ValueError(f"docs/protocol.md has to show each structure once; look at: {', '.join(wrong)}")
    return text


# TypeScript -------------------------------------------------------------------------------------------------------


def typescript(kind: Any) -> str:
    """A type as the page's scripts spell it."""
    kind, _ = opened(kind)
    if is_struct(kind):
        return str(kind.__name__)
    if is_union(kind):
        return " | ".join(dict.fromkeys(typescript(arm) for arm in get_args(kind)))
    origin, args = get_origin(kind), get_args(kind)
    if origin is Literal:
        return " | ".join(map(_json, args))
    if origin is list:
        inner = typescript(args[0])
        return f"({inner})[]" if " | " in inner else f"{inner}[]"
    if origin is tuple:
        return f"[{', '.join(map(typescript, args))}]"
    if origin is dict:
        return f"Record<string, {typescript(args[1])}>"
    return {str: "string", int: "number", float: "number", bool: "boolean", NoneType: "null"}[kind]


def declarations() -> str:
    """static/src/types/messages.d.ts."""
    out = ["/** The run socket's messages. Generated from playground/messages by `make protocol`. */", ""]
    for kind in structures():
        out.append(f"/** {' '.join(inspect.cleandoc(kind.__doc__ or '').split())} */")
        out.append(f"export interface {kind.__name__} {{")
        for row in fields(kind):
            if row.meaning:
                out.append(f"  /** {row.meaning} */")
            out.append(f"  {row.name}{'?' if row.optional else ''}: {typescript(row.kind)};")
        out += ["}", ""]
    out.append(f"export type ClientMessage = {' | '.join(kind.__name__ for kind in asked.TYPES.values())};")
    out.append(f"export type StageMessage = {' | '.join(kind.__name__ for kind in told.STAGE_TYPES)};")
    others = (*told.TYPES.values(), *told.STEPS.values(), *PARTS.values())
    out.append(f"export type ServerMessage = StageMessage | {' | '.join(kind.__name__ for kind in others)};")
    return "\n".join(out) + "\n"


def generated() -> dict[Path, str]:
    """Each generated file with the text it has to have."""
    return {DOCUMENT: document(DOCUMENT.read_text()), TYPES: declarations()}
