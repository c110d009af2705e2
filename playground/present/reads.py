"""Requests about the stored data of an earlier run, by kind. Called in a worker only."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from playground.jobs.frames import FACTS, LOG, PARTS, ROUNDS, SEEK, STATES, VALUE, WINDOW
from playground.present.shape import rounds_job, states_job
from playground.present.value import facts_job, value_job
from playground.present.window import log_job, part_job, seek_job, window_job

READS: Final[dict[str, Callable[[dict[str, Any]], Iterator[dict[str, Any]]]]] = {
    WINDOW: window_job,
    LOG: log_job,
    VALUE: value_job,
    FACTS: facts_job,
    SEEK: seek_job,
    PARTS: part_job,
    STATES: states_job,
    ROUNDS: rounds_job,
}
