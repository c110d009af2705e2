"""The server's settings, with the job of ending_job.py."""

from __future__ import annotations

from playground.settings import *  # noqa: F403

JOB_FUNCTION = "tests.playground.ending_job:run_job"
