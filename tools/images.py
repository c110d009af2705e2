"""Build the images of docker-compose.yml: `python tools/images.py`.

They are made from one Debian base, $BASE or `debian:bookworm-slim`. If Docker neither has it nor can fetch it, because
no registry answers, it is made by debootstrap from the sources of this machine's apt. Standard library only.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
BASE: Final = os.environ.get("BASE") or "debian:bookworm-slim"
RELEASE: Final = "bookworm"
IMAGES: Final = {
    "app": "bpfscope",
    "redis": "bpfscope-redis",
    "postgres": "bpfscope-postgres",
    "proxy": "bpfscope-proxy",
}
"""Targets of Dockerfile -> images that docker-compose.yml names."""
PASSED: Final = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "NPM_CONFIG_REGISTRY")
"""Variables of the environment that the build gets, if they are set."""
SECRETS: Final = {"pip": Path("/etc/pip.conf"), "certificates": Path("/etc/ssl/certs/ca-certificates.crt")}
"""Files of this machine that the build sees, and that no image has."""
PULL_SECONDS: Final = 300
PATH: Final = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


def main() -> int:
    needed = ["docker"]
    bootstrap = not _quiet("docker", "image", "inspect", BASE) and not _quiet("docker", "pull", BASE)
    if bootstrap:
        needed += ["debootstrap"]
    for name in needed:
        if shutil.which(name, path=PATH) is None:
            print(f"bpfscope: {name} is not installed", file=sys.stderr)
            return 1
    if bootstrap:
        print(f"bpfscope: no registry answers: {BASE} is made by debootstrap", flush=True)
        _bootstrap()
    given = [f"--build-arg={name}" for name in PASSED if os.environ.get(name)]
    given += [f"--secret=id={name},src={file}" for name, file in SECRETS.items() if file.is_file()]
    for target, image in IMAGES.items():
        print(f"bpfscope: building {image}", flush=True)
        command = ["docker", "build", "--network=host", f"--build-arg=BASE={BASE}", *given, "-t", image]
        done = subprocess.run(
            [*command, "--target", target, "--progress=plain", str(ROOT)],
            env={**os.environ, "DOCKER_BUILDKIT": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if done.returncode:
            print(done.stdout[-6000:], file=sys.stderr)
            return 1
    return 0


def _quiet(*command: str) -> bool:
    """Whether a command succeeds; its output is not shown."""
    try:
        return not subprocess.run(command, capture_output=True, timeout=PULL_SECONDS).returncode
    except (OSError, subprocess.TimeoutExpired):
        return False


def _bootstrap() -> None:
    """Make BASE: a minimal Debian with this machine's sources. CalledProcessError."""
    sources = _sources()
    mirror = [site for site, name in sources if name == RELEASE]
    with tempfile.TemporaryDirectory(prefix="bpfscope-base-") as made:
        folder = Path(made, "root")
        subprocess.run(
            ["debootstrap", "--variant=minbase", RELEASE, str(folder), *mirror],
            check=True, stdout=subprocess.DEVNULL, env={**os.environ, "PATH": PATH},
        )  # fmt: skip
        if sources:
            lines = "".join(f"deb {site} {name} main\n" for site, name in sources)
            (folder / "etc" / "apt" / "sources.list").write_text(lines)
        shutil.rmtree(folder / "var" / "cache" / "apt", ignore_errors=True)
        packed = subprocess.Popen(["tar", "-C", str(folder), "-c", "."], stdout=subprocess.PIPE)
        subprocess.run(["docker", "import", "-", BASE], stdin=packed.stdout, check=True, stdout=subprocess.DEVNULL)
        packed.wait()


def _sources() -> list[tuple[str, str]]:
    """(address, release) of the sources from which this machine's apt has RELEASE and its updates, RELEASE first."""
    form = ["apt-get", "indextargets", "--format", "$(SITE) $(RELEASE)", "Created-By: Packages", "Origin: Debian"]
    try:
        said = subprocess.run(form, capture_output=True, text=True).stdout
    except OSError:
        return []
    found = {(site, release) for site, _, release in (line.partition(" ") for line in said.splitlines())}
    return sorted((each for each in found if each[1].split("-")[0] == RELEASE), key=lambda each: each[1])


if __name__ == "__main__":
    sys.exit(main())
