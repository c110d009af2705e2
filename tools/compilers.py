"""Other clangs for the matrix (docs/kernels.md): python -m tools.compilers [MAJOR...]

Makes FOLDER/clang-MAJOR/ with the compiler and its own headers, from wheels of the ziglang package: of each the pinned
version, held against its hash by pip. Nothing is installed. FOLDER is BPFSCOPE_COMPILERS, or in the user's cache
folder.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Final, NamedTuple

_PROGRAM: Final = "ziglang/zig"
_HEADERS: Final = "ziglang/lib/include/"


class Wheel(NamedTuple):
    """A version of ziglang for x86-64 Linux, and the SHA-256 of its wheel."""

    version: str
    digest: str


# clang's major version -> the wheel that has it. The one that the project itself uses is not among them.
WHEELS: Final = {
    "15": Wheel("0.10.1.post1", "e9f7aa2c6a44dd23fb0c11722eaaca2626272ef52ac1aeb20fe8d761ca490638"),
    "16": Wheel("0.11.0", "45e8116428267e20529b9ee43a7e7364791c1a092845d2143b248a1dbf6760b0"),
    "17": Wheel("0.12.1", "dcde948140b9e5776c2295b9b808fb4950df7ecadaecb54623dd701502be2017"),
    "18": Wheel("0.13.0.post1", "5ff0f2cb0d583b4f94820909612043f62e4d1d9a8bed77ceec088a01fc2ef015"),
    "19": Wheel("0.14.1", "6eb9d4d759b292c83810dbee2e9e8e3fbfbf01d864e6e9811bae711fd74e1c2f"),
    "20": Wheel("0.15.2", "806316453d1ede7174ed3fefb8e5348154629089c3bb5fe812dfd0e172fac130"),
    "21": Wheel("0.16.0", "9fcda73f62b851dd72a54b710ad40a209896db14cfb13649e62191243556342b"),
}


def fetch(major: str, folder: Path) -> str:
    """Make FOLDER/clang-MAJOR; what its compiler says of its version. CalledProcessError if it cannot be had."""
    wheel = WHEELS[major]
    with tempfile.TemporaryDirectory(prefix=f".clang-{major}-", dir=folder) as name:
        place = Path(name)
        (place / "wanted.txt").write_text(f"ziglang=={wheel.version} --hash=sha256:{wheel.digest}\n")
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
        command += ["--require-hashes", "--platform", "manylinux2014_x86_64", "--platform", "manylinux_2_12_x86_64"]
        subprocess.run([*command, "-r", str(place / "wanted.txt"), "-d", name], check=True)
        (path,) = place.glob("*.whl")
        draft = place / "made"
        with zipfile.ZipFile(path) as archive:
            for each in archive.namelist():
                if each == _PROGRAM or each.startswith(_HEADERS):
                    archive.extract(each, draft)
        program = draft / _PROGRAM
        program.chmod(0o755)
        said = subprocess.run([program, "clang", "--version"], capture_output=True, text=True, check=True).stdout
        found = re.search(r"clang version (\S+)", said)
        if found is None or found[1].partition(".")[0] != major:
            raise ValueError(f"the wheel of ziglang {wheel.version} holds another compiler: {said[:80]!r}")
        to = folder / f"clang-{major}"
        shutil.rmtree(to, ignore_errors=True)
        (draft / "ziglang").rename(to)
    return found[1]


def main(majors: list[str]) -> int:
    """Get what is not there; exit status 1 if one could not be had."""
    from vm.compile.others import folder

    unknown = [major for major in majors if major not in WHEELS]
    if unknown:
        sys.exit(f"There is no clang {unknown[0]} here; there are: {', '.join(WHEELS)}.")
    where = folder()
    where.mkdir(parents=True, exist_ok=True)
    status = 0
    for major in majors or WHEELS:
        if (where / f"clang-{major}" / "zig").is_file():
            continue
        try:
            print(f"clang {fetch(major, where)}", flush=True)
        except (subprocess.CalledProcessError, ValueError) as error:
            print(f"clang {major}: {error}", file=sys.stderr)
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
