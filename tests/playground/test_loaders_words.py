"""A loader's error in the messages to the page."""

from __future__ import annotations

from playground.present.log import log_job


def test_a_loaders_error_beside_steps_is_told_by_the_page_too() -> None:
    text = (
        "program p: load program: argument list too long: regs=80 stack=0 before 477: (2d) if r2 > r9 goto pc-114: "
        "R0=inv(id=34) R1_rw=fp-1 (truncated, 807 line(s) omitted)\n"
    )
    told = [each for each in log_job({"source": text, "options": {}}) if "verdict" in each]
    assert told[0]["fail"]["explanation"].startswith("The kernel answered E2BIG"), told
