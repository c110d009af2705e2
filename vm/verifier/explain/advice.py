"""What is wrong at a rejection and what would help, as far as it follows from the facts at that instruction."""

from __future__ import annotations

from typing import NamedTuple

from vm.verifier.env import Reject, VerifierEnv
from vm.verifier.recorder import Recorder
from vm.verifier.rules.rule import Topic
from vm.verifier.trace import Cause


class Advice(NamedTuple):
    """what -- what is wrong, a sentence; needed -- what would have been accepted. "" where nothing more is known."""

    what: str = ""
    needed: str = ""


class Facts(NamedTuple):
    """Where a program was refused. at: the step (recorder.raw_before(at) is its state); name: of the slot at fault."""

    env: VerifierEnv
    recorder: Recorder
    rejected: Reject
    at: int
    name: str
    causes: tuple[Cause, ...]


def advise(facts: Facts) -> Advice:
    """What the rule's topic says of the facts."""
    return Advice()


ADVICE = dict.fromkeys(Topic, advise)
