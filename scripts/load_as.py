"""Loads every program of some objects into a real Linux 6.12 as users with few capabilities, in a virtual machine.

    python scripts/load_as.py [--as none,bpf,...] [--append WORDS] OUT.jsonl FILE.o...

`--as` names capability sets: "none" (an unprivileged user), or bpf, perfmon, net_admin, sys_admin joined by "+".
`--append whole` loads all programs of an object for each of them, as an application does.
`--append` adds to the kernel's command line ("mitigations=off" takes the guards against Spectre away; they are on).

Each program is loaded with each set; OUT.jsonl gets one JSON line for each: caps, file, prog, sec, type, attach,
flags, verdict (accept, reject, error: refused without a log), err, insns, log4 (messages), log1, log2 (logs of walks
of up to 20,000 instructions), and of accepted ones xlated, image, func_lens, ksyms.
$KERNEL_DIR holds the kernel (vmlinuz) and libbpf (inst/, libbpf/libbpf.a). Needs qemu-system-x86_64, gcc and cpio.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

GUEST = Path(__file__).with_name("guest") / "init.c"
# Mitigations are on, as the guards in the verifier ask for that. Those that would only make the emulated machine slow
# are not, nor those that make code depend on the processor (jumps and returns through thunks).
OFF = "nopti spectre_v2=off retbleed=off spectre_bhi=off mds=off tsx_async_abort=off l1tf=off"
COMMAND_LINE = f"console=ttyS0 quiet panic=-1 {OFF}"
LONGEST_BOOT = 3600


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--as", dest="sets", default="none")
    parser.add_argument("--append", default="")
    parser.add_argument("out", type=Path)
    parser.add_argument("objects", type=Path, nargs="+")
    options = parser.parse_args()
    kernel = Path(os.environ.get("KERNEL_DIR", "~/.cache/bpf-kernel")).expanduser()
    with tempfile.TemporaryDirectory() as tmp:
        initrd = pack(Path(tmp), build(kernel, Path(tmp)), options.objects)
        options.out.unlink(missing_ok=True)
        boot(kernel, initrd, options.out.resolve(), f"{COMMAND_LINE} {options.append} as={options.sets}")


def build(kernel: Path, tmp: Path) -> Path:
    """The guest's only program, statically linked."""
    out = tmp / "init"
    flags = ["-O2", "-static", "-Wall", "-Wno-unused-result", "-I", str(kernel / "inst/usr/include")]
    libraries = [str(kernel / "libbpf/libbpf.a"), "-lelf", "-lz", "-lzstd"]
    said = subprocess.run(["gcc", *flags, "-o", str(out), str(GUEST), *libraries], capture_output=True, text=True)
    if said.returncode:
        sys.exit(said.stderr)
    return out


def pack(tmp: Path, init: Path, objects: list[Path]) -> Path:
    """The guest's files as an initial RAM disk."""
    root = tmp / "root"
    for name in ("objects", "proc", "sys", "dev"):
        (root / name).mkdir(parents=True)
    shutil.copy(init, root / "init")
    for path in objects:
        shutil.copy(path, root / "objects" / path.name)
        (root / "objects" / path.name).chmod(0o644)
    names = "\n".join(str(p.relative_to(root)) for p in [root, *sorted(root.rglob("*"))])
    made = subprocess.run(
        ["cpio", "-o", "-H", "newc", "--quiet"], cwd=root, input=names.encode(), capture_output=True, check=True
    )
    initrd = tmp / "initrd"
    initrd.write_bytes(made.stdout)
    return initrd


def boot(kernel: Path, initrd: Path, out: Path, command_line: str) -> None:
    """Runs the guest to its end; exits with what its console said last if that never comes."""
    console = initrd.with_name("console")
    machine = ["-accel", "tcg", "-cpu", "max", "-m", "2G", "-smp", "1", "-nodefaults", "-no-user-config"]
    machine += ["-display", "none", "-no-reboot", "-device", "virtio-serial-pci"]
    machine += ["-device", "virtserialport,chardev=said,name=said"]
    files = [
        "-kernel", str(kernel / "vmlinuz"), "-initrd", str(initrd), "-append", command_line,
        "-serial", f"file:{console}", "-chardev", f"file,id=said,path={out}",
    ]  # fmt: skip
    subprocess.run(["qemu-system-x86_64", *machine, *files], timeout=LONGEST_BOOT, check=False)
    lines = out.read_text().splitlines() if out.exists() else []
    if not lines or "done" not in json.loads(lines[-1]):
        sys.exit(console.read_text(errors="replace")[-1000:] + "\nThe guest did not finish.")


if __name__ == "__main__":
    main()
