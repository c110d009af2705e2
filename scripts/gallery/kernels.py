"""What real kernels say of the programs of the gallery: asks them, and keeps their answers in gallery/recorded/.

C goes through libbpf (scripts/load_as.py). Assembly and raw instructions have no object file: they are given to the
system call as they are (fuzz/guest/batch.c). $KERNEL_DIR has a vmlinuz, libbpf and its headers, and may have further
kernels in kernels/VERSION/vmlinuz.
"""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, NamedTuple

from scripts.gallery.content import GALLERY, ROOT, Sample
from scripts.gallery.ours import LOG_LEVEL, Built, Said, tidy
from scripts.load_as import OFF
from vm.isa.insn import encode
from vm.isa.opcodes import LD_IMM64, PSEUDO_MAP_FD, PSEUDO_MAP_VALUE
from vm.kernel.attach import attach_target
from vm.program import Program

VERSIONS: Final = ("6.12", "7.3")
"""The kernel that is emulated, and the one whose diagnosis is shown beside ours."""
RECORDED: Final = GALLERY / "recorded"
USERS: Final = {False: "bpf+perfmon+net_admin+sys_admin", True: "none"}
"""Whether a program is unprivileged -> capabilities that load_as.py loads it with."""
APPEND: Final = {False: "mitigations=off", True: ""}
COUNTED: Final = "processed "
NAME: Final = "program"
"""What a source is called in the playground (Source.name)."""
BATCH_APPEND: Final = {False: "mitigations=off", True: f"{OFF} as=none"}


class Asked(NamedTuple):
    """A program to ask about."""

    sample: Sample
    built: Built


def folder(version: str) -> Path:
    """Where a kernel is: $KERNEL_DIR/kernels/VERSION, or $KERNEL_DIR itself for the emulated one."""
    root = Path(os.environ.get("KERNEL_DIR", "~/.cache/bpf-kernel")).expanduser()
    return root if version == VERSIONS[0] else root / "kernels" / version


def available(version: str) -> bool:
    """Whether the kernel can be booted here."""
    return (folder(version) / "vmlinuz").exists()


def recorded(version: str) -> dict[str, tuple[str, Said]]:
    """Path of a program -> the digest it had when the kernel was asked, and what the kernel said."""
    path = RECORDED / f"{version}.jsonl"
    found = {}
    for line in path.read_text().splitlines() if path.exists() else []:
        value = json.loads(line)
        name, digest = value.pop("path"), value.pop("digest")
        found[name] = digest, Said(**{"log": "", **value})  # a field that is empty is not written
    return found


def keep(version: str, answers: Mapping[str, tuple[str, Said]]) -> None:
    """Writes what recorded() reads: one line a program, in the order of the paths."""
    RECORDED.mkdir(exist_ok=True)
    with (RECORDED / f"{version}.jsonl").open("w") as out:
        for path, (digest, said) in sorted(answers.items()):
            value = {key: item for key, item in asdict(said).items() if item != ""}
            out.write(json.dumps({"path": path, "digest": digest, **value}) + "\n")


def ask(version: str, asked: Sequence[Asked]) -> dict[str, Said]:
    """Path -> what that kernel says. Programs that it did not answer are missing, with a line on standard error."""
    answers: dict[str, Said] = {}
    with tempfile.TemporaryDirectory() as name:
        kernel = assembled(version, Path(name))
        for unprivileged in (False, True):
            whose = [each for each in asked if bool(each.sample.options.get("unprivileged")) is unprivileged]
            raw = [each for each in whose if each.built.compiled is None and each.built.program is not None]
            if raw:
                answers |= _batch(kernel, raw, unprivileged, Path(name))
            for whole in (False, True):
                objects = [e for e in whose if e.built.compiled is not None and e.sample.whole is whole]
                if objects:
                    answers |= _objects(kernel, objects, unprivileged, whole, Path(name))
    for each in asked:
        if each.sample.path not in answers:
            print(f"{each.sample.path}: Linux {version} gave no answer", file=sys.stderr)
    return answers


def assembled(version: str, tmp: Path) -> Path:
    """A folder with that kernel's image and the one libbpf."""
    root = tmp / "kernel"
    root.mkdir()
    (root / "vmlinuz").symlink_to(folder(version).resolve() / "vmlinuz")
    for part in ("inst", "libbpf"):
        (root / part).symlink_to(folder(VERSIONS[0]).resolve() / part)
    return root


def run(command: Sequence[str], kernel: Path, out: Path, append: str = "") -> list[dict[str, Any]]:
    """The JSON lines a loader wrote; what it complained about goes to standard error."""
    environment = {**os.environ, "KERNEL_DIR": str(kernel), "BATCH_APPEND": append}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        print((done.stdout + done.stderr).strip()[-600:], file=sys.stderr)
    lines = out.read_text(errors="replace").splitlines() if out.exists() else []
    return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]


def _objects(kernel: Path, asked: Sequence[Asked], unprivileged: bool, whole: bool, tmp: Path) -> dict[str, Said]:
    names = {}
    paths = []
    for number, each in enumerate(asked):
        # libbpf names the maps of global data after the file: as long a name as the playground gives its sources.
        path = tmp / f"{number:0{len(NAME)}}.o"
        path.write_bytes(each.built.compiled or b"")
        program = each.built.program
        names[path.name] = each.sample.path, program.name if program else each.sample.options.get("program", "")
        paths.append(path)
    out = tmp / "objects.jsonl"
    load = [sys.executable, str(ROOT / "scripts" / "load_as.py"), "--as", USERS[unprivileged]]
    words = " ".join(filter(None, [APPEND[unprivileged], "whole" if whole else ""]))
    append = ["--append", words] if words else []
    found: dict[str, Said] = {}
    for line in run([*load, *append, str(out), *map(str, paths)], kernel, out):
        if "open_err" in line:
            print(f"{names[line['file']][0]}: libbpf does not open the object: {line['open_err']}", file=sys.stderr)
        if "verdict" not in line:
            continue
        sample, name = names[line["file"]]
        if name in ("", line["prog"]) and sample not in found:
            stem = line["file"].removesuffix(".o")
            log = line.get(f"log{LOG_LEVEL}") or message_of(line.get("log4", ""))
            log = log.replace(f"{stem}.", f"{NAME}.")
            message = line.get("libbpf", "") if line["verdict"] == "error" else ""
            found[sample] = Said(line["verdict"], line["err"], tidy(log), message=message.replace(stem, NAME))
    return found


def message_of(log: str) -> str:
    """A log of messages alone, without the line that counts instructions."""
    return "".join(line for line in log.splitlines(keepends=True) if not line.startswith(COUNTED))


def _batch(kernel: Path, asked: Sequence[Asked], unprivileged: bool, tmp: Path) -> dict[str, Said]:
    given, out = tmp / "batch", tmp / "batch.jsonl"
    given.write_bytes(batch([each.built.program for each in asked if each.built.program is not None]))
    found = {}
    command = [str(ROOT / "fuzz" / "guest" / "batch"), str(out), str(given)]
    for line in run(command, kernel, out, BATCH_APPEND[unprivileged]):
        if "log" in line:
            verdict = "accept" if not line["err"] else "reject" if line["log"] else "error"
            found[asked[line["i"]].sample.path] = Said(verdict, line["err"], tidy(line["log"]))
    return found


def batch(programs: Sequence[Program]) -> bytes:
    """The file that fuzz/guest/batch.c reads: no BTF, the maps of all programs, the programs."""
    maps = bytearray()
    bodies = bytearray()
    count = 0
    for program in programs:
        insns = []
        for insn in program.insns:
            is_map = insn.code == LD_IMM64 and insn.src_reg in (PSEUDO_MAP_FD, PSEUDO_MAP_VALUE)
            # The guest puts the descriptor of the map with that number there; others it leaves as they are.
            insns.append(insn._replace(imm=insn.imm + count) if is_map and 0 <= insn.imm < len(program.maps) else insn)
        name = program.attach_btf_name
        target = attach_target(program.prog_type, program.expected_attach_type, name) if name else None
        facts = (program.prog_type, program.expected_attach_type, program.prog_flags, target.id if target else 0)
        bodies += struct.pack("<6I", *facts, LOG_LEVEL, len(insns)) + encode(tuple(insns))
        for spec in program.maps:
            sizes = (spec.map_type, spec.key_size, spec.value_size, spec.max_entries, spec.map_flags)
            maps += struct.pack("<8I16s", *sizes, 0, 0, 0, spec.name.encode())
        count += len(program.maps)
    return struct.pack("<II", 0, count) + bytes(maps) + struct.pack("<I", len(programs)) + bytes(bodies)
