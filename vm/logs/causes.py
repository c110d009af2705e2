"""The chain behind the value at fault, from printed steps."""

from __future__ import annotations

from vm.logs.values import Cause, Message, Path, Step


class Chain:
    def step(self, step: Step) -> None: ...

    def path(self, path: Path) -> None: ...

    def causes(self, name: str, message: Message) -> tuple[Cause, ...]:
        return ()
