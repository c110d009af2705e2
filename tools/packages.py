"""Install Python packages into a virtual environment so that an interrupted installation is noticed and repaired.

Standard library only, for it runs before anything is installed. Whoever calls it holds the lock of tools.lock.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

# Run by the environment's own Python: its pip, if it is whole, and every package that is not.
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
    """Whether there is a Python 3.11 or newer with all of pip."""
    check = f"import sys\nassert sys.version_info >= (3, 11)\n{WHOLE}"
    try:
        return subprocess.run([str(python), "-c", check, "pip"], capture_output=True).returncode == 0
    except OSError:
        return False


def interrupted(venv: Path) -> bool:
    """Whether an installation goes on in `venv`, or was interrupted there."""
    return _marker(venv).exists()


def install(venv: Path, requirements: Path, run: Callable[[list[str]], None]) -> None:
    """Have pip install exactly the packages and hashes of `requirements`; `run` runs a command, or raises."""
    python = venv / "bin" / "python"
    if interrupted(venv):
        remove_broken(venv)
    _marker(venv).touch()
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
    run([*command, "--require-hashes", "--only-binary", ":all:", "-r", str(requirements)])
    _marker(venv).unlink()


def remove_broken(venv: Path) -> None:
    """Make pip forget every package that is not whole, so that it installs it anew."""
    python = venv / "bin" / "python"
    done = subprocess.run([str(python), "-c", WHOLE, "all"], text=True, capture_output=True)
    broken = [Path(line) for line in done.stdout.splitlines() if line.endswith((".dist-info", ".egg-info"))]
    # What pip moved out of the way of a new version, and had no time to remove.
    broken += venv.glob("lib/python*/site-packages/~*")
    for path in broken:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _marker(venv: Path) -> Path:
    return venv / ".installing"
