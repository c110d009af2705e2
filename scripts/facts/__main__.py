"""Extracts everything vm/kernel knows of a kernel: `make facts KERNEL=DIR [OUT=DIR] [EMULATE=1]`.

DIR has `vmlinux` or `vmlinuz`, and `config`. The data goes to vm/kernel/data/VERSION (6.12.117) or to OUT. The
modules of constants are generated again if the kernel is the one that is emulated, or --emulate makes it that.
"""

from __future__ import annotations

import argparse
import json
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from scripts.facts.btf import vmlinux_btf
from scripts.facts.constants import addresses_module, errno_module, func_ids_module, release_module, types_module
from scripts.facts.ctx_access import ctx_access
from scripts.facts.ctx_offsets import offsets_module
from scripts.facts.errnos import errnos
from scripts.facts.helpers import helpers
from scripts.facts.hooks import hooks
from scripts.facts.kconfig import kconfig
from scripts.facts.kernel import Kernel
from scripts.facts.ksyms import ksyms
from scripts.facts.run_offsets import run_offsets_module
from scripts.facts.unpack import NoImageError
from vm.btf.types import Btf
from vm.kernel.facts import emulated
from vm.kernel.release import RELEASE

ROOT = Path(__file__).resolve().parent.parent.parent
DATA = ROOT / "vm" / "kernel" / "data"

PARTS: dict[str, Callable[[Kernel], str | bytes]] = {
    "vmlinux.btf.z": vmlinux_btf,
    "kconfig.z": kconfig,
    "ksyms.z": ksyms,
    "errno.json": lambda kernel: json.dumps(errnos(kernel.image), indent=0) + "\n",
    "hooks.json": hooks,
    "helpers.json": helpers,
    "ctx_access.json.xz": ctx_access,
}


def version_of(release: str) -> str:
    """The version in a release: "6.12.117" of "6.12.117+deb12-cloud-amd64"."""
    return release.split("-")[0].split("+")[0]


def extract(kernel: Kernel, out: Path) -> None:
    """Write every part into the folder, and kernel.json last: a folder without it is not complete."""
    out.mkdir(parents=True, exist_ok=True)
    for name, part in PARTS.items():
        began = time.monotonic()
        try:
            content = part(kernel)
        except (LookupError, RuntimeError, ValueError, AssertionError, struct.error) as error:
            what = f"{type(error).__name__}: {error}"
            raise NoImageError(f"{name}: the extraction does not understand this kernel ({what}).") from error
        data = content.encode() if isinstance(content, str) else content
        (out / name).write_bytes(data)
        print(f"{name}: {len(data):,} bytes, {time.monotonic() - began:.1f} s", flush=True)
    about = {"release": kernel.image.release, "banner": kernel.image.banner}
    (out / "kernel.json").write_text(json.dumps(about, indent=1) + "\n")


def generate(kernel: Kernel, folder: str) -> None:
    """Write the modules of constants."""
    modules = {
        ROOT / "vm/kernel/types.py": types_module(kernel),
        ROOT / "vm/kernel/func_ids.py": func_ids_module(kernel),
        ROOT / "vm/kernel/errno.py": errno_module(kernel),
        ROOT / "vm/kernel/addresses.py": addresses_module(kernel),
        ROOT / "vm/kernel/release.py": release_module(kernel, folder),
    }
    write({**modules, **offsets(kernel.btf, kernel.image.release)})


def offsets(btf: Btf, release: str) -> dict[Path, str]:
    """The modules that say where fields are; types are all they take, so they can be made of stored facts."""
    return {
        ROOT / "vm/verifier/fixups/ctx/offsets.py": offsets_module(btf, release),
        ROOT / "vm/runner/offsets.py": run_offsets_module(btf, release),
    }


def write(modules: dict[Path, str]) -> None:
    """Write generated modules, formatted."""
    for path, text in modules.items():
        path.write_text(text)
    subprocess.run([sys.executable, "-m", "ruff", "format", "-q", *modules], check=True)
    print(", ".join(str(path.relative_to(ROOT)) for path in modules))


def main() -> int:
    options = argparse.ArgumentParser(prog="python -m scripts.facts", description=__doc__.partition("\n")[0])
    options.add_argument(
        "folder",
        type=Path,
        metavar="DIR",
        nargs="?",
        help="has vmlinux or vmlinuz, and config; "
        "without: only the modules of offsets are written again, from the facts of the emulated kernel",
    )
    options.add_argument("--out", type=Path, metavar="DIR", help="where the data goes (vm/kernel/data/VERSION)")
    options.add_argument("--emulate", action="store_true", help="make this the kernel that is emulated")
    given = options.parse_args()
    if given.folder is None:
        write(offsets(emulated().btf, emulated().release))
        return 0
    try:
        kernel = Kernel(given.folder)
        assert kernel.config  # before the rest, which takes half a minute
        return extraction(kernel, given.out, given.emulate)
    except (NoImageError, OSError) as error:
        print(f"facts: {error}", file=sys.stderr)
        return 2


def extraction(kernel: Kernel, place: Path | None, emulate: bool) -> int:
    """Extract to `place` or where the kernel's data belongs, and generate the modules if it is the one emulated."""
    out = place or DATA / version_of(kernel.image.release)
    print(kernel.image.release, "->", out)
    extract(kernel, out)
    if emulate or (place is None and kernel.image.release == RELEASE):
        generate(kernel, out.name)
    for note in kernel.notes:
        print("note:", note)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
