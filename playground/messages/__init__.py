"""The messages of the run socket (docs/protocol.md), version 1, as typed structures: the one place that defines them.

asked.py  -- what clients send; programs.py, questions.py and reads.py are parts of it
told.py   -- what the server sends; steps.py and stages.py (built.py, verified.py, executed.py) are parts of it
check.py  -- values from outside against these types, with sentences for people
render.py -- the tables of docs/protocol.md and the page's types, generated from them (`make protocol`)

It imports nothing else of this repository, so that the web process, the worker's side and tests may all use it.
"""

from __future__ import annotations

from typing import Final

VERSION: Final = 1
