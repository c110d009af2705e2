"""What the playground does with a page's programs is what the page says."""

from __future__ import annotations

import pytest

from playground.gallery import gallery
from playground.present.run import run_job

ERRORS = gallery().errors
# One of each kind of source, with and without options; the message may be several lines, or none.
NAMES = (
    "packet-access-out-of-range", "register-uninitialized", "stack-read-uninitialized", "call-reserved-fields",
    "ld-abs-reserved-fields", "arena-sign-extension", "tail-call-map-unknown", "function-address-removed",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_the_playground_rejects_one_and_accepts_the_other(name: str) -> None:
    error = ERRORS[name]
    assert error.program is not None and error.fixed is not None and error.said is not None
    verdicts = {}
    for sample in (error.program, error.fixed):
        stages = {m["stage"]: m for m in run_job(dict(sample.request)) if m["type"] == "stage"}
        verdicts[sample.url] = stages["verify"]
    rejected, fixed = verdicts[error.program.url], verdicts[error.fixed.url]
    assert rejected["verdict"] == "reject" and fixed["verdict"] == "accept"
    assert rejected["fail"]["rule"] == name
    assert rejected.get("message", "") == error.said["message"]
