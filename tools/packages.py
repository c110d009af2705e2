"""Install Python packages into a virtual environment so that an interrupted installation is noticed and repaired.

Standard library only, because it runs before anything is installed. The caller holds the lock of tools.lock.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

# Run by the environment's own Python: checks whether pip is complete, or lists incomplete packages.
WHOLE = """
import sys
from importlib.metadata import distributions
from pathlib import Path

def whole(found):
    # pip writes RECORD last, when all the files it names are there.
    files = found.files
    return bool(files) and all(Path(found.locate_file(f)).exists() for f in files if f.suffix != ".pyc")

if sys.argv[1] == "pip":
    sys.exit(not any(whole(found) for found in distributions(name="pip")))
for found in distributions():
    if not whole(found):
        print(found._path)
"""


def pip_works(python: Path) -> bool:
    """Whether `python` is Python 3.11 or newer with a complete pip."""
    check = f"import sys\nassert sys.version_info >= (3, 11)\n{WHOLE}"
    try:
        return subprocess.run([str(python), "-c", check, "pip"], capture_output=True).returncode == 0
    except OSError:
        return False


def interrupted(venv: Path) -> bool:
    """Whether an installation in `venv` is in progress or was interrupted."""
    return _marker(venv).exists()


def install(venv: Path, requirements: Path, run: Callable[[list[str]], None]) -> None:
    """Install exactly the packages and hashes of `requirements` with pip; `run` runs a command, or raises."""
    python = venv / "bin" / "python"
    if interrupted(venv):
        remove_broken(venv)
    _marker(venv).touch()
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
    # Most modules are never imported here, and the others are compiled when they are: a third of the time.
    command.append("--no-compile")
    run([*command, "--require-hashes", "--only-binary", ":all:", "-r", str(requirements)])
    _marker(venv).unlink()


def remove_broken(venv: Path) -> None:
    """Remove the metadata of incomplete packages, so that pip installs them again."""
    python = venv / "bin" / "python"
    done = subprocess.run([str(python), "-c", WHOLE, "all"], text=True, capture_output=True)
    broken = [Path(line) for line in done.stdout.splitlines() if line.endswith((".dist-info", ".egg-info"))]
    # Old versions that pip had renamed and not yet removed.
    broken += venv.glob("lib/python*/site-packages/~*")
    for path in broken:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _marker(venv: Path) -> Path:
    return venv / ".installing"
