"""`python -m playground.messages docs` writes what is generated from the schema, `check` says whether that was done."""

from __future__ import annotations

import sys

from playground.messages.render import ROOT, generated


def main(words: list[str]) -> int:
    """The exit status: 1 where `check` found a file that differs, 2 for another word."""
    if words not in (["docs"], ["check"]):
        print("python -m playground.messages docs|check", file=sys.stderr)
        return 2
    stale = {path: text for path, text in generated().items() if not path.exists() or path.read_text() != text}
    for path, text in stale.items():
        if words == ["check"]:
            print(f"{path.relative_to(ROOT)} differs from the schema: run `make protocol`.", file=sys.stderr)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    return 1 if stale and words == ["check"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
