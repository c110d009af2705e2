"""Compile the verifier's modules to machine code with mypyc: `python tools/native.py [--background|--need]`.

Without options it compiles the sources unless a copy exists, and reports the result. --background does so in a separate
process at low priority. --need exits with status 1 and the reason if there is no compiled copy afterwards.

It is optional: without a compiler, Python's headers or mypyc the same sources run as plain Python. A copy
is stored in vm/.native in a directory named by a digest of its sources (see vm/native.py, docs/speed.md).
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib
import importlib.metadata
import importlib.util
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tools import packages  # noqa: E402 - the tool runs from anywhere
from tools.lock import held, hold, say  # noqa: E402
from vm import native  # noqa: E402

STORE = ROOT / native.STORE
SHARED = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "bpfscope" / "native"
"""Copies that were compiled in any checkout of this user, by their digests: another checkout need not compile them."""
REQUIREMENTS = ROOT / "requirements" / "build.txt"
KEEP = 3  # copies: of the current sources and of earlier versions
# The inner loop is in these modules; the others run rarely, and -O1 compiles them in half the time.
HOT = re.compile(
    r"bpfscope_verifier|___(state|domain|prune|check_insn)___|___mem___(access|stack|common|slots)\.c"
    r"|___(loop|dispatch|liveness|backtrack|explored|env|events|journal|recorder|sanity|snapshots|values|blocks|holdings)\.c"
    r"|\b(int|list|dict|tuple|generic|misc)_ops\.c"  # mypyc's own functions, which all modules call
)
FLAGS = ("-fPIC", "-fwrapv", "-fvisibility=hidden", "-DNDEBUG", "-w")
TRIAL = """
from vm import native, pipeline
from vm.asm import assemble
source = "r0 = 0\\nloop:\\nr0 += 1\\nif r0 < 50 goto loop\\nexit\\n"
(program,) = assemble(source, name="trial", prog_type="xdp").programs
assert pipeline.verify(program)[0].verdict == "accept" and native.in_use()
"""


class Impossible(Exception):
    """Compiling is not possible here; the message says why."""


class Killed(Impossible):
    """A command was killed by a signal, which says nothing about the sources."""


def main(arguments: Sequence[str]) -> int:
    unknown = set(arguments) - {"--background", "--need"}
    if unknown:
        print("tools/native.py takes --background or --need", file=sys.stderr)
        return 2
    try:
        if os.environ.get(native.SWITCH) == "0":
            raise Impossible(f"{native.SWITCH}=0 says so")
        if native.find() is None:
            if "--background" in arguments:
                begin()
                return 0
            compile_now()
    except Impossible as why:
        say(f"the verifier runs as plain Python, more slowly: {why}")
        return int("--need" in arguments)
    if "--background" not in arguments:
        say("the verifier is compiled")
    return 0


def begin() -> None:
    """Compile in a separate process; its output goes to a log."""
    compiler()
    _known_failure(native.digest())
    STORE.mkdir(exist_ok=True)
    with lock(wait=False) as free:
        if not free:
            return
    say("compiling the verifier in the background (a few minutes); until then it runs as plain Python, more slowly")
    with open(STORE / "log", "w") as log:
        subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=lambda: os.nice(19),  # nobody waits for it
        )


def compile_now() -> None:
    """Compile the sources as they are. Impossible says why it cannot be done."""
    STORE.mkdir(exist_ok=True)
    with lock(wait=True):
        if native.find() is not None:
            return
        command = compiler()
        mypyc()
        started = time.monotonic()
        with work() as place:
            # Work on a copy, so that the compiled sources are the hashed ones even if files are edited meanwhile.
            seen = native.stamps(native.sources())
            shutil.copytree(ROOT / "vm", place / "vm", ignore=lambda _, names: [n for n in names if n == ".native"])
            key = native.digest(str(place))
            _known_failure(key)
            if adopt(key, seen):
                return
            try:
                built = build(place, command)
                publish(built, key, seen)
                share(built, key)
            except Impossible as why:
                stopped = STORE / f"{key}.stopped"
                if isinstance(why, Killed) and not stopped.exists():  # the first time may be accidental
                    stopped.touch()
                else:
                    STORE.joinpath(f"{key}.failed").write_text(str(why))
                raise
        say(f"compiled the verifier in {time.monotonic() - started:.0f} s")


@contextlib.contextmanager
def work() -> Iterator[Path]:
    """A directory to compile in, outside vm, which other tools search. One left by a killed process is removed."""
    note = STORE / "work"
    with contextlib.suppress(OSError):
        shutil.rmtree(note.read_text(), ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix="bpfscope-native-") as folder:
        note.write_text(folder)
        yield Path(folder)
    note.unlink()


@contextlib.contextmanager
def lock(*, wait: bool) -> Iterator[bool]:
    """Lock the store; False without `wait` if another process holds the lock."""
    with open(STORE / "lock", "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not wait:
                yield False
                return
            say("waiting until another process has compiled the verifier (a few minutes)")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield True


def _known_failure(key: str) -> None:
    with contextlib.suppress(OSError):
        raise Impossible(STORE.joinpath(f"{key}.failed").read_text())


# -- requirements -------------------------------------------------------------


def headers() -> list[str]:
    paths = sysconfig.get_paths()
    return [f"-I{paths[name]}" for name in ("include", "platinclude")]


def compiler() -> list[str]:
    """The command of a C compiler that finds Python's headers: the machine's own, or the one in the ziglang package."""
    include = sysconfig.get_paths()["include"]
    if not Path(include, "Python.h").is_file():
        raise Impossible("Python's headers (Python.h) are not installed")
    candidates = [os.environ.get("CC", ""), sysconfig.get_config_var("CC") or "", "cc", "gcc", "clang"]
    commands = [words for words in map(shlex.split, candidates) if words and shutil.which(words[0])]
    if importlib.util.find_spec("ziglang") is not None:
        commands.append([sys.executable, "-m", "ziglang", "cc", "-mcpu=baseline"])  # may run on another machine
    for command in commands:
        with tempfile.TemporaryDirectory(prefix="bpfscope-native-") as tmp:
            source = Path(tmp, "try.c")
            source.write_text("#include <Python.h>\nint main(void) { return 0; }\n")
            if run([*command, *FLAGS, *headers(), "-c", str(source), "-o", f"{tmp}/try.o"]) == "":
                return command
    raise Impossible("there is no C compiler that works here")


def run(command: Sequence[str]) -> str:
    """The output of a failing command, "" if it did not fail."""
    done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, pass_fds=held)
    if done.returncode < 0:
        raise Killed(f"{Path(command[0]).name} was ended by signal {-done.returncode}")
    return "" if not done.returncode else done.stdout[-2000:].strip() or f"status {done.returncode}"


def mypyc() -> None:
    """Install mypyc in the version that requirements/build.txt pins."""
    wanted = re.search(r"^mypy==(\S+)", REQUIREMENTS.read_text(), re.MULTILINE)
    assert wanted is not None
    if _has_mypyc(wanted[1]):
        return
    if sys.prefix == sys.base_prefix:
        raise Impossible(f"mypy {wanted[1]} is not installed")
    with hold(ROOT, "installing what compiles the verifier"):
        if _has_mypyc(wanted[1]):
            return
        packages.install(Path(sys.prefix), REQUIREMENTS, _install)


def _install(command: list[str]) -> None:
    if said := run(command):
        raise Impossible(f"mypy cannot be installed: {said.splitlines()[-1]}")


def _has_mypyc(version: str) -> bool:
    importlib.invalidate_caches()
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        found = importlib.metadata.version("mypy") == version and importlib.metadata.version("setuptools")
        return bool(found) and not packages.interrupted(Path(sys.prefix))
    return False


# -- compiling ----------------------------------------------------------------


def build(place: Path, command: list[str]) -> Path:
    """Compile the sources under `place`; the folder with one library and a small module for each of the sources."""
    names = native.modules(str(place))
    said = run([sys.executable, __file__, "--translate", str(place), *names])
    plan = place / "c" / "plan.json"
    if said or not plan.is_file():
        raise Impossible(f"mypyc refuses the sources: {said.splitlines()[-1] if said else 'it wrote nothing'}")
    out = place / "out"
    out.mkdir()
    objects, libraries = [], []
    for name, files, includes in json.loads(plan.read_text()):
        where = [*headers(), *(f"-I{place / each}" for each in includes)]
        for file in files:
            level = "-O2" if HOT.search(file) else "-O1"
            objects.append([*command, level, *FLAGS, *where, "-c", str(place / file), "-o", str(place / f"{file}.o")])
        parts = [str(place / f"{file}.o") for file in files]
        shared = ["-bundle", "-undefined", "dynamic_lookup"] if sys.platform == "darwin" else ["-shared"]
        libraries.append([*command, *shared, *parts, "-o", str(out / f"{name}.so")])
    # The largest first, so that no core is left waiting for it.
    objects.sort(key=lambda each: -Path(each[-3]).stat().st_size)
    for batch in (objects, libraries):
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for said in pool.map(run, batch):
                if said:
                    lines = [line for line in said.splitlines() if "error" in line] or said.splitlines()
                    raise Impossible(f"the C compiler refuses what mypyc made: {lines[0]}")
    out.joinpath("modules.json").write_text(json.dumps([name for name, _, _ in json.loads(plan.read_text())]))
    return out


def translate(place: str, names: list[str]) -> None:
    """Run mypyc in a separate process: C files for the modules, and the plan for compiling them."""
    os.chdir(place)
    from mypyc.build import mypycify

    extensions = mypycify(
        ["--config-file=", "--ignore-missing-imports", *names],
        target_dir="c",
        multi_file=True,
        opt_level="2",
        debug_level="0",
        group_name=native.GROUP,
    )
    plan = [(each.name, each.sources, each.include_dirs) for each in extensions]
    Path("c", "plan.json").write_text(json.dumps(plan))


def publish(built: Path, key: str, seen: dict[str, list[int]]) -> None:
    """Test the copy, then install it for the next process; remove the oldest ones."""
    new = STORE / f"{key}.new"
    shutil.rmtree(new, ignore_errors=True)
    shutil.copytree(built, new)
    try_out(new)
    target = STORE / key
    shutil.rmtree(target, ignore_errors=True)
    new.rename(target)
    native.remember(key, seen)
    folders = sorted((f for f in STORE.iterdir() if f.is_dir()), key=lambda f: f.stat().st_mtime, reverse=True)
    for old in folders[KEEP:]:
        shutil.rmtree(old, ignore_errors=True)


def adopt(key: str, seen: dict[str, list[int]]) -> bool:
    """Install the copy that another checkout of this user compiled, if there is one and it works."""
    folder = SHARED / key
    try:
        if folder.stat().st_uid != os.getuid():
            return False
        publish(folder, key, seen)
    except OSError:
        return False
    except Impossible:
        shutil.rmtree(folder, ignore_errors=True)
        return False
    say("the verifier was compiled in another checkout")
    return True


def share(built: Path, key: str) -> None:
    """Keep the copy for other checkouts. Errors are ignored."""
    with contextlib.suppress(OSError):
        SHARED.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = Path(tempfile.mkdtemp(dir=SHARED, prefix="new-"))
        shutil.copytree(built, new, dirs_exist_ok=True)
        shutil.rmtree(SHARED / key, ignore_errors=True)
        new.rename(SHARED / key)
        folders = sorted(SHARED.iterdir(), key=lambda f: f.stat().st_mtime, reverse=True)
        for old in folders[KEEP:]:
            shutil.rmtree(old, ignore_errors=True)


def try_out(folder: Path) -> None:
    """Verify a small program with the copy in a separate process, so that a copy that crashes is never used."""
    files = {name: str(folder / f"{name}.so") for name in json.loads((folder / "modules.json").read_text())}
    start = f"import sys; sys.path.insert(0, {str(ROOT)!r})\nfrom vm import native\nnative.find = lambda: {files!r}\n"
    said = run([sys.executable, "-c", start + TRIAL])
    if said:
        shutil.rmtree(folder)
        raise Impossible(f"what was compiled does not work: {said.splitlines()[-1]}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--translate"]:
        translate(sys.argv[2], sys.argv[3:])
    else:
        sys.exit(main(sys.argv[1:]))
