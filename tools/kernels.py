"""Kernels for guests, from Debian's packages (docs/kernels.md): python -m tools.kernels [VERSION...]

Makes FOLDER/VERSION/ (vmlinuz, config, modules/, net/) of the newest package of each version, and FOLDER/busybox, then
boots and saves each kernel. Nothing is installed and no root is needed: apt gets its own lists and checks their
signatures with Debian's keyring, and packages are only unpacked. FOLDER is BPFSCOPE_KERNELS, or in the user's cache
folder. The mirrors are those of this machine's apt; DEBIAN_MIRROR and DEBIAN_SECURITY_MIRROR name others.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

VERSIONS: Final = ("5.10", "6.1", "6.12", "6.18", "7.0", "7.1", "7.2", "7.3")
SUITES: Final = ("bullseye", "bookworm", "trixie", "trixie-backports", "sid")
SECURITY: Final = ("bullseye-security", "bookworm-security", "trixie-security")
KEYRING: Final = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
# Older kernels have virtio as modules; this is the order in which they can be loaded.
VIRTIO: Final = (
    "virtio_ring", "virtio", "virtio_pci_legacy_dev", "virtio_pci_modern_dev", "virtio_pci", "virtio_console",
)  # fmt: skip
NETWORK: Final = ("veth", "dummy", "tun", "sch_ingress", "cls_bpf", "act_bpf")
_SOURCE: Final = re.compile(r"^(?:URIs:\s*|deb(?:\s+\[[^]]*\])?\s+)(\S+)", re.MULTILINE)


class Apt:
    """apt with lists and a cache of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("lists/partial", "cache/archives/partial", "state"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        sources = folder / "sources.list"
        sources.write_text(_sources())
        self.options = ["-qq"]
        for name, value in (
            ("Dir::Etc::sourcelist", sources), ("Dir::Etc::sourceparts", "/dev/null"), ("Dir::State", folder / "state"),
            ("Dir::State::lists", folder / "lists"), ("Dir::State::status", "/dev/null"),
            ("Dir::Cache", folder / "cache"), ("APT::Architecture", "amd64"), ("APT::Sandbox::User", ""),
        ):  # fmt: skip
            self.options += ["-o", f"{name}={value}"]

    def update(self) -> None:
        """Get the lists; the machine's own are not touched."""
        subprocess.run(["apt-get", *self.options, "update"], check=True)

    def names(self, pattern: str) -> list[str]:
        """Names of packages, the newest version first."""
        done = subprocess.run(
            ["apt-cache", *self.options, "pkgnames", "linux-"], capture_output=True, text=True, check=True
        )
        found = [name for name in done.stdout.split() if re.fullmatch(pattern, name)]
        return sorted(found, key=lambda name: [int(part) for part in re.findall(r"\d+", name)], reverse=True)

    def unpack(self, package: str, into: Path) -> bool:
        """Download a package, check it and unpack it; False if there is none."""
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            done = subprocess.run(
                ["apt-get", *self.options, "download", package], cwd=folder, capture_output=True, check=False
            )
            files = list(Path(folder).glob("*.deb"))
            if done.returncode or not files:
                return False
            subprocess.run(["dpkg-deb", "-x", str(files[0]), str(into)], check=True)
        return True


def _sources() -> str:
    trusted = any(Path("/etc/apt/trusted.gpg.d").glob("debian-archive-*"))
    if not trusted and not KEYRING.is_file():
        sys.exit(f"{KEYRING} is not there: install debian-archive-keyring.")
    paths = [Path("/etc/apt/sources.list"), *Path("/etc/apt/sources.list.d").glob("*")]
    text = "\n".join(path.read_text() for path in paths if path.is_file())
    uris = [uri.rstrip("/") for uri in _SOURCE.findall(text)]
    main = os.environ.get("DEBIAN_MIRROR") or next((uri for uri in uris if uri.endswith("/debian")), "")
    security = os.environ.get("DEBIAN_SECURITY_MIRROR") or next((uri for uri in uris if uri.endswith("-security")), "")
    if not main:
        sys.exit(
            "This machine's apt has no mirror of Debian: name one in DEBIAN_MIRROR, or fill BPFSCOPE_KERNELS by hand."
        )
    signed = "" if trusted else f"[signed-by={KEYRING}] "
    lines = [f"deb {signed}{main} {suite} main" for suite in SUITES]
    lines += [f"deb {signed}{security} {suite} main" for suite in SECURITY if security]
    return "\n".join(lines) + "\n"


def fetch(apt: Apt, version: str, folder: Path) -> str:
    """Make the folder of a version; the package it is from, "" if there is none."""
    number = re.escape(version)
    pattern = rf"linux-(?:binary|image)-{number}[.-](?:(?!-rt-).)*cloud-amd64(?:-unsigned)?"
    for package in apt.names(pattern):
        with tempfile.TemporaryDirectory(dir=apt.folder) as place:
            root = Path(place)
            if not apt.unpack(package, root):
                continue
            image = next((path for path in root.rglob("vmlinuz*") if path.is_file()), None)
            if image is None:
                continue
            if package.startswith("linux-binary-"):  # since 6.19 configuration and modules have packages of their own
                release = package.removeprefix("linux-binary-").removesuffix("-unsigned")
                apt.unpack(f"linux-base-{release}", root)
                apt.unpack(f"linux-modules-{release}", root)
            _arrange(root, image, folder)
            return package
    return ""


def _arrange(root: Path, image: Path, folder: Path) -> None:
    draft = folder.with_name(f".{folder.name}")
    shutil.rmtree(draft, ignore_errors=True)
    (draft / "modules").mkdir(parents=True)
    (draft / "net").mkdir()
    shutil.copyfile(image, draft / "vmlinuz")
    configs = [*root.rglob("config-*"), *root.glob("**/modules/*/config")]
    if configs:
        shutil.copyfile(configs[0], draft / "config")
    modules = {path.name.split(".ko")[0]: path for path in root.rglob("*.ko*")}
    for number, name in enumerate(name for name in VIRTIO if name in modules):
        shutil.copyfile(modules[name], draft / "modules" / f"{number}.ko")
    for wanted in NETWORK:
        if wanted in modules:
            shutil.copyfile(modules[wanted], draft / "net" / modules[wanted].name)
    shutil.rmtree(folder, ignore_errors=True)
    draft.rename(folder)


def _shell(apt: Apt, place: Path, to: Path) -> bool:
    """Get the static busybox for workloads; False if there is none."""
    if not apt.unpack("busybox-static", place / "busybox"):
        return False
    programs = [path for path in place.glob("busybox/**/bin/busybox") if path.is_file()]
    for path in programs[:1]:
        shutil.copyfile(path, to)
    print(f"busybox: {'found' if programs else 'not found'}", flush=True)
    return bool(programs)


def main(versions: list[str]) -> int:
    """Get what is not there, then boot and save; exit status 1 if a version is missing or does not boot."""
    from vm.errors import InputError
    from vm.guests.images import folder, images, missing
    from vm.guests.states import prepare
    from vm.guests.wire import GuestError

    where = folder()
    where.mkdir(parents=True, exist_ok=True)
    wanted = [version for version in versions or VERSIONS if not (where / version / "vmlinuz").is_file()]
    status = 0
    if wanted or not (where / "busybox").is_file():
        for program in ("apt-get", "dpkg-deb"):
            if shutil.which(program) is None:
                sys.exit(f"{program} is not there: put images into {where}/VERSION/vmlinuz by hand (docs/kernels.md).")
        with tempfile.TemporaryDirectory(prefix=".apt-", dir=where) as place:
            apt = Apt(Path(place))
            print("reading Debian's package lists", flush=True)
            apt.update()
            for version in wanted:
                found = fetch(apt, version, where / version)
                print(f"{version}: {found or 'not found'}", flush=True)
                status |= not found
            if not (where / "busybox").is_file():
                status |= not _shell(apt, Path(place), where / "busybox")
    lacking = missing()
    if lacking:
        print(lacking, file=sys.stderr)
        return 1
    for image in images():
        try:
            prepare(image, say=lambda text: print(text, flush=True))
        except (GuestError, InputError) as error:
            print(f"{image.name}: {error}", file=sys.stderr)
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
