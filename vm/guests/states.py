"""Saved guests: a kernel is booted once, prepared and saved; each job restores it.

FOLDER/NAME-KEY/ holds `state` (QEMU's migration stream), `vmlinuz` (a link), `initrd`, and facts about the
kernel: `about.json`, `btf` and `symbols`. KEY is a hash of all that the state depends on.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import shlex
import shutil
import socket
import subprocess
import tempfile
import time
import zlib
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Final

from vm.guests import linux as l
from vm.guests.broker import broker
from vm.guests.features import probe
from vm.guests.images import Image, qemu, states_folder
from vm.guests.initrd import initrd, sources
from vm.guests.machine import Machine
from vm.guests.process import BOOT_LINE, MEMORY_MIB, accelerator, boot, restore
from vm.guests.wire import GuestError, Kind, Read, Request, Slot
from vm.kernel import types as t

_BOOT_SECONDS: Final = 120.0
_MAX_BTF: Final = 32 << 20
_MAX_SYMBOLS: Final = 64 << 20
_MOUNTS: Final = (
    ("bpf", "/sys/fs/bpf"),
    ("tracefs", "/sys/kernel/tracing"),
    ("debugfs", "/sys/kernel/debug"),
    ("cgroup2", "/sys/fs/cgroup"),
    ("tmpfs", "/tmp"),
)
_SYSCTLS: Final = (
    ("/proc/sys/net/core/bpf_jit_enable", "1"),
    ("/proc/sys/net/core/bpf_jit_harden", "0"),
    ("/proc/sys/net/core/bpf_jit_kallsyms", "1"),
    ("/proc/sys/kernel/kptr_restrict", "0"),
    ("/proc/sys/kernel/perf_event_paranoid", "-1"),
    ("/proc/sys/kernel/panic_on_oops", "1"),
    ("/proc/sys/kernel/printk", "1"),
)


@dataclass(frozen=True)
class State:
    """A saved guest. name -- of its kernel's image ("7.3"); release, version -- what
    `uname -r` and `uname -v` print there; features -- what its BTF may hold (vm.guests.features)
    """

    folder: Path
    name: str
    release: str
    version: str
    features: tuple[str, ...]

    @cached_property
    def btf_data(self) -> tuple[bytes, bytes]:
        """The kernel's BTF, and the lengths of its records (16 bits each)."""
        raw = zlib.decompress((self.folder / "btf").read_bytes())
        size = int.from_bytes(raw[:4], "little")
        return raw[4 + size :], raw[4 : 4 + size]

    @cached_property
    def symbols(self) -> str:
        """/proc/kallsyms, a line each: address, letter, name."""
        return zlib.decompress((self.folder / "symbols").read_bytes()).decode("ascii", "replace")

    @cached_property
    def config(self) -> dict[str, str]:
        """CONFIG_ options that are set; empty if the image came without its configuration."""
        path = self.folder / "config"
        lines = path.read_text().splitlines() if path.is_file() else []
        return dict(line.split("=", 1) for line in lines if line.startswith("CONFIG_") and "=" in line)

    def restore(self, seconds: float, *, debug: bool = False) -> Machine:
        """A fresh guest, a context manager; it is killed after `seconds`.

        debug -- with a gdb stub (Machine.debug): the guest is stopped until the stub is told to go on
        """
        helper = broker()
        start = restore if helper is None else helper.restore
        return Machine(start(self.folder, seconds, debug=debug), seconds)


def key(image: Image) -> str:
    """A hash of everything that a saved guest depends on."""
    parts = [_qemu_version(), accelerator(), BOOT_LINE, str(MEMORY_MIB), image.fingerprint(), *_PROGRAM]
    return hashlib.sha256("\n".join(parts).encode() + sources()).hexdigest()[:16]


@cache
def _qemu_version() -> str:
    """A state can only be restored by the QEMU that wrote it."""
    return subprocess.run([qemu() or "", "--version"], capture_output=True, text=True, check=False, timeout=20).stdout


_PROGRAM: Final = (str(_MOUNTS), str(_SYSCTLS), "4")


def saved(image: Image, where: Path | None = None) -> State | None:
    """The saved guest of an image; None if it does not exist."""
    return _read((where or states_folder()) / f"{image.name}-{key(image)}", image.name)


def _read(folder: Path, name: str) -> State | None:
    try:
        about = json.loads((folder / "about.json").read_text())
        return State(folder, name, str(about["release"]), str(about["version"]), tuple(map(str, about["features"])))
    except (OSError, ValueError, KeyError):
        return None


def prepare(image: Image, where: Path | None = None, say: Callable[[str], None] = lambda text: None) -> State:
    """The saved guest of an image, which is booted and saved if it does not exist. GuestError if that fails."""
    where = where or states_folder()
    where.mkdir(parents=True, exist_ok=True)
    folder = where / f"{image.name}-{key(image)}"
    with _locked(where / f"{image.name}.lock"):
        found = _read(folder, image.name)
        if found is not None:
            return found
        started = time.monotonic()
        say(f"{image.name}: booting")
        draft = Path(tempfile.mkdtemp(prefix=f"{image.name}-draft-", dir=where))
        try:
            release = _make(image, draft)
            draft.rename(folder)
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise
        for old in where.glob(f"{image.name}-*"):
            if old != folder:
                shutil.rmtree(old, ignore_errors=True)
        size = (folder / "state").stat().st_size / 1e6
        say(f"{image.name}: {release} booted and saved in {time.monotonic() - started:.1f} s, {size:.0f} MB")
    made = _read(folder, image.name)
    assert made is not None
    return made


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Only one process at a time boots a kernel."""
    with open(path, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _make(image: Image, draft: Path) -> str:
    (draft / "vmlinuz").symlink_to(image.vmlinuz.resolve())
    (draft / "initrd").write_bytes(initrd(image))
    if image.config.is_file():
        shutil.copyfile(image.config, draft / "config")
    ours, theirs = socket.socketpair()
    extra = ["-chardev", f"socket,id=monitor,fd={theirs.fileno()}", "-mon", "chardev=monitor,mode=control"]
    with theirs:
        ends = boot(draft / "vmlinuz", draft / "initrd", extra, [theirs.fileno()])
    with ours, Machine(ends, _BOOT_SECONDS) as machine:
        machine.greeted()
        about = {**_ready(machine), "features": probe(machine)}
        _write_btf(draft, _file(machine, "/sys/kernel/btf/vmlinux", _MAX_BTF))
        (draft / "symbols").write_bytes(zlib.compress(_file(machine, "/proc/kallsyms", _MAX_SYMBOLS), 6))
        _save(ours, draft / "state")
    (draft / "about.json").write_text(json.dumps(about))
    return str(about["release"])


def _ready(machine: Machine) -> dict[str, Any]:
    """Mounts and sets what jobs need; returns release and version of the kernel."""
    request = Request()
    for kind, place in _MOUNTS:
        request.call(l.MOUNT, request.text(kind), request.text(place), request.text(kind), 0, 0)
    for path, value in _SYSCTLS:
        request.call(l.OPEN, request.text(path), l.O_WRONLY, keep=0)
        request.call(l.WRITE, Slot(0), request.text(value), len(value))
        request.call(l.CLOSE, Slot(0))
    unlimited = request.place(b"\xff" * 16)
    request.call(l.PRLIMIT64, 0, l.RLIMIT_MEMLOCK, unlimited, 0)
    # The first program makes the kernel parse its own BTF, which takes time, and which struct_ops maps need.
    code = request.place(bytes.fromhex("b7000000000000009500000000000000"))
    attr = l.Attr().u32(0, t.BPF_PROG_TYPE_SOCKET_FILTER).u32(4, 2).u64(8, code).u64(16, request.text("GPL"))
    request.call(l.BPF, l.PROG_LOAD, request.place(bytes(attr.data)), attr.size, keep=0)
    request.call(l.CLOSE, Slot(0))
    name = request.room(6 * 65)
    at = request.call(l.UNAME, name, reads=(Read(name, 6 * 65),))
    fields = machine.run(request)[at].data[0]
    parts = [fields[i * 65 : i * 65 + 65].split(b"\0")[0].decode("utf-8", "replace") for i in range(6)]
    return {"release": parts[2], "version": parts[3]}


def _file(machine: Machine, path: str, most: int) -> bytes:
    """The content of a file of the guest."""
    request = Request()
    request.call(l.OPEN, request.text(path), l.O_RDONLY, keep=0)
    if machine.run(request)[0].failed:
        return b""
    out = bytearray()
    while len(out) <= most:
        request = Request()
        size = 1 << 20
        room = request.room(size)
        for _ in range(4):
            request.call(l.READ, Slot(0), room, size, reads=(Read(room, size, Kind.RETURNED),))
        pieces = [result.data[0] for result in machine.run(request)]
        out += b"".join(pieces)
        if not all(pieces):
            return bytes(out)
    raise GuestError("protocol", f"The guest's {path} is larger than {most} bytes.")


def _write_btf(draft: Path, data: bytes) -> None:
    from vm.btf.types import Btf

    lengths = b""
    if data:
        btf = Btf(data)
        lengths = array("H", (len(btf.raw(number)) for number in range(1, len(btf)))).tobytes()
    (draft / "btf").write_bytes(zlib.compress(len(lengths).to_bytes(4, "little") + lengths + data, 6))


def _save(monitor: socket.socket, path: Path) -> None:
    """Makes QEMU write the state of the running machine to a file."""
    monitor.settimeout(60)
    with monitor.makefile("rw") as lines:

        def ask(name: str, **arguments: Any) -> Any:
            lines.write(json.dumps({"execute": name, "arguments": arguments}) + "\n")
            lines.flush()
            while True:
                answer = json.loads(lines.readline())
                if "error" in answer:
                    raise GuestError("start", f"QEMU did not save the guest: {answer['error']['desc']}")
                if "return" in answer:
                    return answer["return"]

        lines.readline()
        ask("qmp_capabilities")
        ask("migrate-set-parameters", **{"max-bandwidth": 1 << 40})
        ask("migrate", uri=f"exec:cat > {shlex.quote(str(path))}")
        while (status := ask("query-migrate")["status"]) not in ("completed", "failed"):
            time.sleep(0.02)
        if status == "failed":
            raise GuestError("start", "QEMU did not save the guest.")
        ask("quit")
