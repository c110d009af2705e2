"""The queue of runs that wait for a worker: fair between clients, with a limit of waiting time."""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from playground import metrics

if TYPE_CHECKING:
    from playground.jobs.run import Run

USUAL_SECONDS: Final = 1.0
"""Expected seconds of a run before any run has ended."""
REMEMBERED: Final = 32
"""Number of runs over which durations are averaged."""
LATER_SECONDS: Final = 120
"""Upper limit of the seconds after which clients are told to try again."""


class Client(NamedTuple):
    """A client: a network address, or the holders of a class token.

    share -- factor on the limits of one address
    """

    name: str
    share: int = 1


SERVER: Final = Client("")
"""The server itself, which runs the examples."""


class Busy(Exception):
    """A run cannot be queued. sentence -- for the user; seconds -- until the next try; reason -- for metrics."""

    def __init__(self, message: str, seconds: float, reason: str) -> None:
        super().__init__(message)
        metrics.refusals.labels(reason).inc()
        self.seconds = min(max(math.ceil(seconds), 1), LATER_SECONDS)
        self.sentence = f"{message} Press Run again in {self.seconds} second{'s' * (self.seconds > 1)}."


class Rate:
    """Counts the runs that each client starts in a minute."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._minute = 0
        self._started: Counter[str] = Counter()

    def count(self, client: Client) -> None:
        """Count one more run; Busy if the client has reached its limit for this minute."""
        now = time.time()
        if int(now // 60) != self._minute:
            self._minute = int(now // 60)
            self._started.clear()
        most = self.most * client.share
        if client != SERVER and self._started[client.name] >= most:
            raise Busy(f"From your network address {most} runs were started within a minute.", 60 - now % 60, "rate")
        self._started[client.name] += 1


class Queue:
    """Runs in the order of weighted fair queueing: clients get turns in proportion to their shares.

    length     -- largest number of waiting runs
    per_client -- largest number of waiting runs of one client, times its share
    seconds    -- longest waiting time of a run
    """

    def __init__(self, length: int, per_client: int, seconds: float) -> None:
        self.length = length
        self.per_client = per_client
        self.seconds = seconds
        self._waiting: dict[str, deque[Run]] = {}
        self._turns: dict[str, Fraction] = {}  # of clients that wait: their virtual time, which grows with each turn
        self._clock = Fraction()  # the virtual time of the last turn
        self._took: deque[float] = deque(maxlen=REMEMBERED)

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    def __contains__(self, run: Run) -> bool:
        return run in self._waiting.get(run.client.name, ())

    def took(self, seconds: float) -> None:
        """Take the duration of a run that has ended into the average."""
        self._took.append(seconds)

    def expected(self, before: int, workers: int) -> float:
        """Expected seconds until a run starts, by the number of runs that start before it."""
        usual = sum(self._took) / len(self._took) if self._took else USUAL_SECONDS
        return usual * before / max(workers, 1)

    def admit(self, client: Client, workers: int, *, held: bool) -> None:
        """Busy if a further run of this client would wait too long, or if too many runs wait.

        held -- whether a run has to end before the first that waits can start
        """
        own = len(self._waiting.get(client.name, ()))
        if own >= self.per_client * client.share:
            raise Busy(
                f"From your network address {own} runs are waiting already, which is its share of this server.",
                self.expected(own, workers),
                "share",
            )
        if len(self) >= self.length:
            raise Busy(
                f"The server is busy: {len(self)} runs are waiting already.", self.expected(len(self), workers), "full"
            )
        turn = self._turns.get(client.name, self._clock) + Fraction(own, client.share)
        names = list(self._waiting)
        place = names.index(client.name) if own else len(names)
        before = sum(each < (turn, place) for each in self._places())
        seconds = self.expected(before + held, workers)
        if seconds > self.seconds:
            message = f"The server is busy: this run would wait about {seconds:.0f} seconds."
            raise Busy(message, seconds - self.seconds, "wait")

    def add(self, run: Run, workers: int, *, held: bool) -> None:
        """Queue a run. Busy, as of `admit`."""
        self.admit(run.client, workers, held=held)
        self._add(run)

    def again(self, run: Run) -> None:
        """Return a started run to the front of its client's runs."""
        self._add(run, first=True)

    def _add(self, run: Run, *, first: bool = False) -> None:
        name = run.client.name
        waiting = self._waiting.setdefault(name, deque())
        # A client that did not wait has saved up no turns.
        self._turns.setdefault(name, self._clock)
        if first:
            waiting.appendleft(run)
        else:
            run.since = time.monotonic()
            waiting.append(run)

    def remove(self, run: Run) -> None:
        """ValueError if it does not wait."""
        name = run.client.name
        if run not in self:
            raise ValueError("the run does not wait")
        self._waiting[name].remove(run)
        if not self._waiting[name]:
            del self._waiting[name], self._turns[name]

    def take(self, run: Run) -> None:
        """Remove a run that starts: this is its client's turn."""
        name = run.client.name
        self._clock = max(self._clock, self._turns[name])
        self._turns[name] += Fraction(1, run.client.share)
        self.remove(run)

    def next(self, running: Counter[str]) -> Run | None:
        """The run to start next: of the client that uses the smallest part of its share, then by turn.

        running -- number of running runs by client
        """
        best = None
        least: tuple[float, bool, Fraction] | None = None
        for name, waiting in self._waiting.items():
            # Runs whose client is disconnected, and may reconnect, are started last.
            run = next((run for run in waiting if not run.left), waiting[0])
            rank = (running[name] / run.client.share, run.left, self._turns[name])
            if least is None or rank < least:
                best, least = run, rank
        return best

    def order(self) -> list[Run]:
        """All waiting runs, in the order in which they would start if nothing was running."""
        runs = (run for waiting in self._waiting.values() for run in waiting)
        return [run for _, run in sorted(zip(self._places(), runs, strict=True), key=lambda each: each[0])]

    def _places(self) -> Iterator[tuple[Fraction, int]]:
        """What decides the order of the waiting runs: the turn, then the client's place."""
        for place, (name, waiting) in enumerate(self._waiting.items()):
            for n, run in enumerate(waiting):
                yield self._turns[name] + Fraction(n, run.client.share), place

    def late(self, now: float) -> list[Run]:
        """Runs that have waited for the longest allowed time."""
        return [run for waiting in self._waiting.values() for run in waiting if now - run.since >= self.seconds]

    def until_late(self, now: float) -> float | None:
        """Seconds until a waiting run is late; None if no run waits."""
        since = [run.since for waiting in self._waiting.values() for run in waiting]
        return max(0.0, min(since) + self.seconds - now) if since else None

    def too_long(self, run: Run, workers: int) -> dict[str, Any]:
        """The `error` message for a run that has waited for the longest allowed time."""
        waited = time.monotonic() - run.since
        again = Busy(
            f"This run waited {waited:.0f} seconds for a worker, which is as long as a run may wait here.",
            self.expected(len(self) + 1, workers),
            "waited",
        )
        return {"type": "error", "code": "busy", "message": again.sentence, "retry_after": again.seconds}

    def __iter__(self) -> Iterator[Run]:
        return iter(self.order())


class Late:
    """Refuses runs of a queue that have waited for the longest allowed time.

    One timer for the queue: a timer of each run would keep it in memory after its end.
    """

    def __init__(self, queue: Queue, refuse: Callable[[Run], None]) -> None:
        self._queue = queue
        self._refuse = refuse
        self._timer: asyncio.TimerHandle | None = None

    def watch(self) -> None:
        """Called when a run waits."""
        seconds = self._queue.until_late(time.monotonic())
        loop = asyncio.get_running_loop()
        if seconds is None or (self._timer is not None and self._timer.when() <= loop.time() + seconds):
            return
        self.stop()
        self._timer = loop.call_later(seconds, self._look)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._timer = None
        for run in self._queue.late(time.monotonic()):
            self._refuse(run)
        self.watch()
