"""`python -m vm compile|disasm|verify|jit|run`."""

from __future__ import annotations

import sys

from vm.cli.main import main

sys.exit(main(sys.argv[1:]))
