"""The package: its wheel in an environment of its own has the command, the verifier and the page."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("vm", "playground", "templates", "static", "examples", "gallery", "docs", "requirements")
FILES = ("setup.py", "pyproject.toml", "LICENSE", "README.md")
PROGRAM = """#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
SEC("xdp") int prog(struct xdp_md *ctx)
{
    return *(unsigned char *)(long)ctx->data;
}
char _license[] SEC("license") = "GPL";
"""


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """`bpfscope` as pip installed it. What it depends on is that of this environment, as it was installed."""
    if not (ROOT / "static" / "dist" / "app.js").exists():
        pytest.skip("the page is not built (npm run build)")
    folder = tmp_path_factory.mktemp("package")
    source = folder / "source"
    source.mkdir()
    for name in PARTS:
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__", "*.so", ".native"))
    for name in FILES:
        shutil.copy(ROOT / name, source)
    build = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "-q",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        str(folder),
        str(source),
    ]
    subprocess.run(build, check=True, timeout=300, cwd=folder)
    (wheel,) = folder.glob("bpfscope-*.whl")
    shutil.rmtree(source)
    place = folder / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(place)], check=True, timeout=100)
    install = [sys.executable, "-m", "pip", "--python", str(place / "bin" / "python"), "install", "-q", "--no-deps"]
    subprocess.run([*install, "--no-index", "--no-compile", str(wheel)], check=True, timeout=100, cwd=folder)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    (place / "lib" / version / "site-packages" / "others.pth").write_text(sysconfig.get_path("purelib") + "\n")
    yield place / "bin" / "bpfscope"


def environment(folder: Path) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(folder), "PORT": "0", "WORKERS": "1", "BPFSCOPE_COMPILED": "0"}


def test_it_verifies_a_program(command: Path, tmp_path: Path) -> None:
    (tmp_path / "prog.c").write_text(PROGRAM)
    done = subprocess.run(
        [command, "verify", "prog.c"],
        cwd=tmp_path,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "invalid access to packet" in done.stdout
    assert "Traceback" not in done.stderr


def test_it_serves_the_page(command: Path, tmp_path: Path) -> None:
    server = subprocess.Popen(
        [command, "serve"], cwd=tmp_path, env=environment(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    try:
        assert server.stdout is not None and server.stderr is not None
        found = re.search(r"at (http://\S+)", server.stdout.readline())
        assert found, server.stderr.read()
        for path, holds in (
            ("/", b"count_drop"),
            ("/static/dist/app.js", b"bs-scrubber"),
            ("/errors/", b"errors/"),
            ("/glossary", b"path"),
        ):
            with urllib.request.urlopen(found[1] + path, timeout=30) as answer:
                assert holds in answer.read(), path
        body = b'{"kind": "asm", "source": "r0 = 2\\nexit"}'
        with urllib.request.urlopen(urllib.request.Request(f"{found[1]}/api/runs", body), timeout=60) as answer:
            assert b'"verdict":"accept"' in answer.read()
    finally:
        server.terminate()
        server.communicate(timeout=30)
    assert (tmp_path / ".local" / "share" / "bpfscope" / "var").is_dir()
