"""Saved guests for tests: all kernels by name, and the one that a test names."""

from __future__ import annotations

import pytest

from vm.guests.images import images
from vm.guests.states import State, prepare


@pytest.fixture(scope="session")
def states() -> dict[str, State]:
    """All of them; a kernel that was not booted before is booted."""
    return {image.name: prepare(image) for image in images()}


@pytest.fixture
def state(name: str, states: dict[str, State]) -> State:
    """The one of the kernel that a test has as its parameter `name`."""
    if name not in states:
        pytest.skip(f"there is no Linux {name}")
    return states[name]
