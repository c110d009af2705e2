"""The playground's settings with a folder of its own, gone when the tests are."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile

_folder = tempfile.mkdtemp(prefix="bpfscope-tests-")
_owner = os.getpid()


def _remove_folder() -> None:
    # Tests fork, and a child that ends runs this too: the folder is its parent's.
    if os.getpid() == _owner:
        shutil.rmtree(_folder, ignore_errors=True)


atexit.register(_remove_folder)
os.environ["BPFSCOPE_VAR"] = _folder
os.environ["BPFSCOPE_ALLOW_UNSANDBOXED_WORKER"] = "yes"  # the tests' programs are ours, also where Landlock is missing
for _name in ("DATABASE_URL", "REDIS_URL", "DEBUG", "ALLOWED_HOSTS", "TRUSTED_PROXIES"):
    os.environ.pop(_name, None)

from playground.settings import *  # noqa: E402, F403

ALLOWED_HOSTS = ["testserver", "localhost", "127.0.0.1"]
