"""Two versions of a source: which lines they share, and the change as edits or as a unified diff."""

from __future__ import annotations

from difflib import SequenceMatcher, unified_diff

from vm.program import Edit


def split(text: str) -> list[str]:
    """The lines with their ends; only "\\n" ends one, as for the compiler."""
    lines = text.split("\n")
    return [*(line + "\n" for line in lines[:-1]), *([lines[-1]] if lines[-1] else [])]


def opcodes(old: str, new: str) -> list[tuple[str, int, int, int, int]]:
    """As SequenceMatcher.get_opcodes() of the lines, in a time that many equal lines do not make long."""
    a, b = split(old), split(new)
    short = min(len(a), len(b))
    first = next((n for n in range(short) if a[n] != b[n]), short)
    last = next((n for n in range(short - first) if a[-1 - n] != b[-1 - n]), short - first)
    found: list[tuple[str, int, int, int, int]] = [("equal", 0, first, 0, first)] if first else []
    middle = SequenceMatcher(None, a[first : len(a) - last], b[first : len(b) - last])
    found += [(kind, i + first, j + first, k + first, m + first) for kind, i, j, k, m in middle.get_opcodes()]
    return [*found, ("equal", len(a) - last, len(a), len(b) - last, len(b))] if last else found


def old_lines(old: str, new: str) -> dict[int, int]:
    """Line of the new text -> line of the old one, both from 1, of the lines that both have."""
    found: dict[int, int] = {}
    for kind, i, j, k, _ in opcodes(old, new):
        if kind == "equal":
            found |= {k + n + 1: i + n + 1 for n in range(j - i)}
    return found


def line_edits(old: str, new: str) -> tuple[Edit, ...]:
    """The change from one text to the other as edits of whole lines."""
    lines, given = split(new), split(old)
    edits = []
    for kind, i, j, k, m in opcodes(old, new):
        if kind == "equal":
            continue
        end = (j + 1, 1)
        if j == len(given) and given and not given[-1].endswith("\n"):
            end = (j, len(given[-1]) + 1)
        start = (i + 1, 1) if i < len(given) or not given or given[-1].endswith("\n") else (i, len(given[-1]) + 1)
        edits.append(Edit(*start, *end, "".join(lines[k:m])))
    return tuple(edits)


def diff(name: str, old: str, new: str) -> str:
    """A unified diff as `patch -p1` takes it."""
    out = []
    for line in unified_diff(split(old), split(new), f"a/{name}", f"b/{name}"):
        out.append(line if line.endswith("\n") else line + "\n\\ No newline at end of file\n")
    return "".join(out)
