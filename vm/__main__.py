"""`python -m vm compile|disasm|verify|jit|run`."""

from __future__ import annotations

import gc
import sys

# Importing makes many objects and next to no cycles: looking for them takes a tenth of the time of a short command.
gc.disable()

from vm.cli.main import main  # noqa: E402

status = main(sys.argv[1:])
# Nor are the objects there are looked through once more when the process ends.
gc.freeze()
sys.exit(status)
