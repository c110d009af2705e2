"""`make facts`: unpacking kernels, and the facts of real ones where KERNEL_DIR has them."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from scripts.facts import unpack
from scripts.facts.__main__ import PARTS, extract, main, offsets, version_of
from scripts.facts.image import KernelImage
from scripts.facts.kernel import Kernel
from vm.kernel.compare import differences
from vm.kernel.facts import ABOUT, KernelFacts, emulated

KERNEL_DIR = Path(os.environ.get("KERNEL_DIR", Path.home() / ".cache" / "bpf-kernel"))
LZMA = [{"id": lzma.FILTER_LZMA1, "dict_size": 1 << 25}]  # as the kernel's build
IMAGE = unpack.ELF + bytes(range(256)) * 40
SETUP = b"MZ" + b"\x1f\x8b\x08 no gzip \xfd7zXZ\x00 no xz \x28\xb5\x2f\xfd BZh" + bytes(500)


def _with(program: str, data: bytes) -> bytes:
    path = shutil.which(program)
    if path is None:
        pytest.skip(f"needs the program {program}")
    return subprocess.run([path, "-c"], input=data, capture_output=True, check=True).stdout


@pytest.mark.parametrize("packer", ["gzip", "xz", "lzma", "bzip2", "zstd", "none"])
def test_unpacking(packer: str) -> None:
    packers: dict[str, Callable[[bytes], bytes]] = {
        "gzip": gzip.compress,
        "xz": lzma.compress,
        "lzma": lambda data: lzma.compress(data, lzma.FORMAT_ALONE, filters=LZMA),
        "bzip2": bz2.compress,
        "zstd": lambda data: _with("zstd", data),
        "none": lambda data: data,
    }
    packed = packers[packer](IMAGE)
    assert unpack.unpack(packed if packer == "none" else SETUP + packed + b"what follows") == IMAGE


def test_what_is_no_kernel(tmp_path: Path) -> None:
    with pytest.raises(unpack.NoImageError, match="no packed kernel"):
        unpack.unpack(SETUP)
    with pytest.raises(unpack.NoImageError, match="neither vmlinux nor vmlinuz"):
        unpack.image_of(tmp_path)
    (tmp_path / "vmlinuz").write_bytes(SETUP + gzip.compress(b"no ELF"))
    with pytest.raises(unpack.NoImageError, match="vmlinuz: The file holds no packed kernel"):
        unpack.image_of(tmp_path)


def test_a_program_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    with pytest.raises(unpack.NoImageError, match="install the program zstd"):
        unpack.unpack(SETUP)


def test_the_command_refuses_a_folder_without_a_kernel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["facts", str(tmp_path)])
    assert main() == 2
    assert "neither vmlinux nor vmlinuz" in capsys.readouterr().err


def test_the_configuration_has_to_be_the_kernels(tmp_path: Path) -> None:
    (tmp_path / "config").write_text("#\n# Linux/x86 6.1.5 Kernel Configuration\n#\nCONFIG_BPF=y\n")
    kernel = Kernel.__new__(Kernel)
    kernel.folder = tmp_path
    kernel.image = KernelImage.__new__(KernelImage)
    kernel.image.data = b"Linux version 6.12.117-test (somebody)\n"
    with pytest.raises(unpack.NoImageError, match=r"configuration of 6\.1\.5, the image is 6\.12\.117-test"):
        assert kernel.config
    (tmp_path / "config").unlink()
    with pytest.raises(unpack.NoImageError, match=r"copy /boot/config-6\.12\.117-test"):
        assert kernel.config
    packed = gzip.compress(b"# CONFIG_A is not set\nCONFIG_C=m\nCONFIG_B=y\n")
    kernel.image.data += b"IKCFG_ST" + packed + b"IKCFG_ED"
    assert kernel.config == ["CONFIG_B=y", "CONFIG_C=m"]


def test_versions() -> None:
    assert version_of("6.12.117+deb12-cloud-amd64") == "6.12.117"
    assert version_of("7.0-rc3-custom") == "7.0"


def test_the_data_has_every_part() -> None:
    assert {path.name for path in Path(emulated().folder).iterdir()} == {*PARTS, ABOUT}


def test_the_modules_of_offsets_are_those_of_the_facts() -> None:
    """What `make facts` without a kernel would write is what is there."""
    for path, text in offsets(emulated().btf, emulated().release).items():
        there: dict[str, object] = {}
        wanted: dict[str, object] = {}
        exec(path.read_text(), there)
        exec(text, wanted)
        for name in wanted:
            if name.isupper():
                assert there[name] == wanted[name], f"{path}: run `make facts`"


@pytest.mark.corpus
def test_another_kernel(tmp_path: Path) -> None:
    """6.18, whose layouts and kallsyms differ: extracted, loaded, compared."""
    folder = KERNEL_DIR / "kernels" / "6.18"
    if not (folder / "vmlinuz").is_file() or not (folder / "config").is_file():
        pytest.skip(f"needs {folder} with vmlinuz and config (a kernel of Debian's package linux-image-6.18)")
    if shutil.which("zstd") is None:
        pytest.skip("needs the program zstd: the image is packed with it")
    kernel = Kernel(folder)
    extract(kernel, tmp_path)
    facts = KernelFacts.load(tmp_path)
    assert facts.release.startswith("6.18.")
    assert (facts.version_code >> 8) == 6 << 8 | 18
    assert facts.config["CONFIG_BPF_SYSCALL"] == "y"
    assert facts.errnos == emulated().errnos
    assert len(facts.helpers.by_id) == 211
    found = {(change.part, change.name): change for change in differences(emulated(), facts)}
    # bpf_loop's first argument is any number since 6.13; programs may also be struct sched_ext_ops and Qdisc_ops.
    assert found["helper prototypes", "bpf_loop_proto"].after["arg_types"][0] == "ARG_ANYTHING"
    assert found["kfuncs", "bpf_dynptr_copy"].kind == "added"
    assert found["struct_ops", "Qdisc_ops.enqueue"].kind == "added"
    assert found["attach types", "BPF_TRACE_UPROBE_SESSION"].kind == "added"
    assert not [change for change in found.values() if change.part == "ctx fields"]
