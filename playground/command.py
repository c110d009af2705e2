"""The command `bpfscope` of the installed package: `serve`, and the commands of `python -m vm`."""

from __future__ import annotations

import sys


def main() -> int:
    """The exit status."""
    if sys.argv[1:2] == ["serve"]:
        from playground.__main__ import main as serve

        return serve(sys.argv[2:], "bpfscope serve")
    if sys.argv[1:] in ([], ["-h"], ["--help"]):
        print("bpfscope serve: the page, at HOST:PORT (127.0.0.1:8000). The other commands:\n")
    from vm.cli.main import main as command

    return command(sys.argv[1:], "bpfscope")


if __name__ == "__main__":
    sys.exit(main())
