"""The table of stages: each takes what the one before it leaves."""

from __future__ import annotations

import dataclasses
import inspect
import typing
from pathlib import Path
from typing import Any

from playground.jobs.frames import STAGES as FRAMED
from playground.present import run
from playground.present.request import Asked

OBJECTS = Path(__file__).parents[2] / "golden" / "objects"


def takes_and_leaves(stage: Any) -> tuple[Any, Any]:
    hints = typing.get_type_hints(stage, {**vars(run), "VerifierEnv": Any, "Rewritten": Any, "Image": Any})
    (parameter,) = inspect.signature(stage).parameters
    return hints[parameter], typing.get_args(hints["return"])[2]


def test_each_stage_takes_the_value_the_one_before_left() -> None:
    chain = [takes_and_leaves(stage) for _, stage in run.STAGES]
    assert chain[0][0] is Asked
    assert [taken for taken, _ in chain[1:]] == [left for _, left in chain[:-1]]


def test_values_between_stages_never_change() -> None:
    for _, stage in run.STAGES:
        for value in takes_and_leaves(stage):
            assert dataclasses.is_dataclass(value)
            assert vars(value)["__dataclass_params__"].frozen


def test_stages_have_the_names_they_are_stored_under() -> None:
    assert tuple(name for name, _ in run.STAGES) == FRAMED[1:]
