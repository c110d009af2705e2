"""Our BPF headers against libbpf's own, where they are installed: the same source gives the same instructions."""

from __future__ import annotations

import io
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from elftools.elf.elffile import ELFFile

from vm.compile.headers import HELPER_DEFS, OUR_INCLUDE, helper_defs
from vm.compile.toolchain import toolchain
from vm.kernel.helpers import all_helpers

KERNEL_DIR = Path(os.environ.get("KERNEL_DIR", Path.home() / ".cache/bpf-kernel"))
PLACES = (Path("/usr/include"), KERNEL_DIR / "inst/usr/include")
LIBBPF = next((place for place in PLACES if (place / "bpf/bpf_helpers.h").exists()), None)
SOURCE = Path(__file__).with_name("every_macro.c")


def compiled(tmp_path: Path, name: str, includes: list[str], source: Path = SOURCE) -> dict[str, object]:
    """Sections and relocations of the object; no BTF, whose types' order follows the macros' own variables."""
    chain = toolchain()
    system = [
        path for virtual, path in chain.directories if virtual in ("/include/arch", "/include/uapi", "/include/clang")
    ]
    out = tmp_path / f"{name}.o"
    args = [*chain.argv, "-target", "bpf", "-O2", "-g", "-mcpu=v3", "-D__TARGET_ARCH_x86", "-nostdinc", "-w"]
    for path in (*includes, *system):
        args += ["-isystem", path]
    subprocess.run([*args, "-c", str(source), "-o", str(out)], check=True, timeout=60)
    elf: Any = ELFFile(io.BytesIO(out.read_bytes()))
    found: dict[str, object] = {}
    for section in elf.iter_sections():
        if section.name.startswith((".debug", ".rel.debug", ".BTF", ".rel.BTF", ".str", ".sym", ".llvm")):
            continue
        found[section.name] = section.data()
        if section.name.startswith(".rel"):
            symbols = elf.get_section(section["sh_link"])
            found[section.name] = [
                (r["r_offset"], r["r_info_type"], symbols.get_symbol(r["r_info_sym"]).name)
                for r in section.iter_relocations()
            ]
    return found


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    generated = tmp_path_factory.mktemp("include")
    (generated / HELPER_DEFS).write_bytes(helper_defs())
    return [str(OUR_INCLUDE), str(generated)]


@pytest.mark.skipif(LIBBPF is None, reason="libbpf-dev is not installed")
def test_same_instructions_as_with_libbpf(tmp_path: Path, ours: list[str]) -> None:
    mine = compiled(tmp_path, "ours", ours)
    theirs = compiled(tmp_path, "theirs", [str(LIBBPF)])
    assert len(mine) > 20
    assert mine.keys() == theirs.keys()
    assert [name for name in mine if mine[name] != theirs[name]] == []


@pytest.mark.skipif(LIBBPF is None, reason="libbpf-dev is not installed")
def test_every_helper_is_declared_as_libbpf_does(tmp_path: Path, ours: list[str]) -> None:
    """Assigning each one to a pointer of its own type as the other header has it."""
    theirs = (Path(str(LIBBPF)) / "bpf/bpf_helper_defs.h").read_text()
    lines = [line for line in theirs.split("\n") if line.startswith("static ")]
    names = {h.name for h in all_helpers()}
    renamed = []
    for line in lines:
        name = line.split("const ")[1].split(")")[0]
        if name in names:
            renamed.append(line.replace(f"const {name})", f"const their_{name})"))
            renamed.append(
                f'_Static_assert(__builtin_types_compatible_p(typeof({name}), typeof(their_{name})), "{name}");'
            )
    assert len(renamed) > 400
    source = tmp_path / "helpers.c"
    source.write_text("#include <linux/bpf.h>\n#include <bpf/bpf_helpers.h>\n" + "\n".join(renamed))
    compiled(tmp_path, "helpers", ours, source)


def test_our_headers_compile_alone(tmp_path: Path, ours: list[str]) -> None:
    for header in sorted((OUR_INCLUDE / "bpf").glob("*.h")) + sorted((OUR_INCLUDE / "libc").rglob("*.h")):
        name = header.relative_to(OUR_INCLUDE / "libc" if "libc" in header.parts else OUR_INCLUDE)
        source = tmp_path / "alone.c"
        source.write_text(f"#include <linux/types.h>\n#include <{name}>\n#include <{name}>\n")
        compiled(tmp_path, "alone", [*ours, str(OUR_INCLUDE / "libc")], source)
