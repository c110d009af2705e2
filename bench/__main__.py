"""`python -m bench [NAME...]`: every measure, or the named ones."""

from __future__ import annotations

import sys

from bench.measures import MEASURES

names = sys.argv[1:] or list(MEASURES)
unknown = [name for name in names if name not in MEASURES]
if unknown:
    sys.exit(f"no such measure: {', '.join(unknown)}; there are {', '.join(MEASURES)}")
for name in names:
    print(f"\n{name}: {(MEASURES[name].__doc__ or '').splitlines()[0]}")
    for label, value in MEASURES[name]():
        print(f"  {label:<76} {value}")
