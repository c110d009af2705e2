"""`python -m bench [NAME...]`: the measures of the table, or the named ones; `--list` names them all."""

from __future__ import annotations

import sys
import time

from bench.measures import MEASURES, TOTAL
from bench.rows import OUT_OF_TIME, Clock, Row


def main(names: list[str]) -> None:
    if names == ["--list"]:
        for name, measure in MEASURES.items():
            print(f"{name:<20} {(measure.function.__doc__ or '').splitlines()[0]}")
        return
    unknown = [name for name in names if name not in MEASURES]
    if unknown:
        sys.exit(f"no such measure: {', '.join(unknown)}; there are {', '.join(MEASURES)}")
    whole = Clock(TOTAL)
    start = time.monotonic()
    print(f"{'':<68} {'median':>12}  {'min-max of runs':<22} goal")
    for name in names or [name for name, measure in MEASURES.items() if measure.standard]:
        measure = MEASURES[name]
        print(f"\n{name}: {(measure.function.__doc__ or '').splitlines()[0]}", flush=True)
        seconds = measure.seconds if names else min(measure.seconds, whole.left())
        rows = measure.function(Clock(seconds)) if seconds > 1 else [Row("all rows", note=OUT_OF_TIME)]
        for row in rows:
            print(f"  {row.text()}", flush=True)
    print(f"\n{time.monotonic() - start:.0f} s")


main(sys.argv[1:])
