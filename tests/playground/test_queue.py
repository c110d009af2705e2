"""Runs that wait: every client has its turn, and none waits longer than it may."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections import Counter
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground.jobs.pool import Pool
from playground.jobs.queue import Busy, Client, Queue, Rate
from playground.jobs.run import FINISHED
from playground.jobs.service import Service
from tests.playground.conftest import Socket, asked

asynchronous = pytest.mark.asyncio(loop_scope="module")


def waiting(client: Client, name: str = "") -> Any:
    return SimpleNamespace(client=client, left=False, since=0.0, name=name)


def taken(queue: Queue, running: Counter[str] | None = None) -> list[Any]:
    """All runs in the order in which they are started, each one ending before the next starts."""
    order = []
    while (run := queue.next(running or Counter())) is not None:
        queue.take(run)
        order.append(run)
    return order


def test_clients_are_served_by_turns() -> None:
    queue = Queue(100, 100, 600)
    one, two = Client("one"), Client("two")
    runs = [waiting(one, f"one {n}") for n in range(4)] + [waiting(two, f"two {n}") for n in range(2)]
    for run in runs:
        queue.add(run, 1, held=False)
    expected = ["one 0", "two 0", "one 1", "two 1", "one 2", "one 3"]
    assert [run.name for run in list[Any](queue)] == expected
    assert [run.name for run in taken(queue)] == expected


def test_a_share_is_so_many_turns() -> None:
    queue = Queue(100, 100, 600)
    for client in (Client("address"), Client("class", 3)):
        for _ in range(6):
            queue.add(waiting(client), 1, held=False)
    assert Counter(run.client.name for run in taken(queue)[:8]) == {"class": 6, "address": 2}


def test_who_has_nothing_running_is_first() -> None:
    queue = Queue(100, 100, 600)
    one, two = waiting(Client("one")), waiting(Client("two"))
    queue.add(one, 1, held=False)
    queue.add(two, 1, held=False)
    assert queue.next(Counter(one=1)) is two


def test_a_client_that_comes_late_has_saved_no_turns() -> None:
    queue = Queue(100, 100, 600)
    for _ in range(20):
        queue.add(waiting(Client("early")), 1, held=False)
    for _ in range(10):
        run = queue.next(Counter())
        assert run is not None
        queue.take(run)
    for _ in range(10):
        queue.add(waiting(Client("late")), 1, held=False)
    first = [run.client.name for run in taken(queue)[:8]]
    assert Counter(first) == {"late": 4, "early": 4}


def test_one_client_does_not_fill_the_queue() -> None:
    queue = Queue(10, 4, 600)
    for _ in range(4):
        queue.add(waiting(Client("one")), 1, held=False)
    with pytest.raises(Busy) as refused:
        queue.add(waiting(Client("one")), 1, held=False)
    assert "4 runs" in refused.value.sentence and refused.value.seconds >= 1
    for n in range(6):
        queue.add(waiting(Client(f"other {n}")), 1, held=False)
    with pytest.raises(Busy):
        queue.add(waiting(Client("last")), 1, held=False)
    assert len(queue) == 10


def test_what_would_wait_too_long_is_refused_with_a_time() -> None:
    queue = Queue(100, 100, 30)
    for _ in range(10):
        queue.took(20)
    queue.add(waiting(Client("one")), 1, held=True)
    with pytest.raises(Busy) as refused:
        queue.add(waiting(Client("two")), 1, held=True)
    assert refused.value.seconds == 10 and "40 seconds" in refused.value.sentence
    assert len(queue) == 1


@given(st.lists(st.tuples(st.sampled_from("abcde"), st.integers(1, 4)), max_size=40))
def test_nobody_waits_for_more_than_one_turn_of_each_other_client(adds: list[tuple[str, int]]) -> None:
    queue = Queue(1000, 1000, 1e9)
    shares: dict[str, int] = {}
    for name, share in adds:
        queue.add(waiting(Client(name, shares.setdefault(name, share))), 1, held=False)
    order = [run.client.name for run in queue]
    assert order == [run.client.name for run in taken(queue)] and len(order) == len(adds)
    for name, share in shares.items():
        places = [n for n, each in enumerate(order) if each == name]
        for k, place in enumerate(places):
            before = Counter(order[:place])
            for other, theirs in shares.items():
                assert before[other] <= theirs * (k + 1) / share + 1 or other == name


def test_runs_of_a_minute_are_counted_for_each_client() -> None:
    rate = Rate(3)
    for _ in range(3):
        rate.count(Client("one"))
    with pytest.raises(Busy) as refused:
        rate.count(Client("one"))
    assert 1 <= refused.value.seconds <= 60
    for _ in range(6):
        rate.count(Client("class", 2))


@asynchronous
async def test_one_address_with_endless_runs_does_not_hold_up_another(service: Service) -> None:
    assert isinstance(service.pool, Pool)
    attacker, honest = Client("192.0.2.1"), Client("192.0.2.2")
    held = []
    for n in range(40):
        try:
            held.append(service.open(asked(f"sleep 3.{n}"), client=attacker))
        except Busy:
            continue
        service.watch(held[-1])
    assert 16 <= len(held) < 40
    try:
        for n in range(5):
            run = service.open(asked(f"stage compile\nstage honest{n}"), client=honest)
            service.watch(run)
            async with asyncio.timeout(2):
                while run.state != FINISHED:
                    await run.change().wait()
            service.leave(run)
            assert run.good
    finally:
        for run in held:
            service.leave(run, at_once=True)


@asynchronous
async def test_a_run_that_waited_too_long_is_told_when_to_come_back(
    service: Service, connect: Callable[[], Awaitable[Socket]], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert isinstance(service.pool, Pool)
    monkeypatch.setattr(service.pool._queue, "seconds", 2.5)
    service.pool._queue._took.clear()
    sockets = [await connect() for _ in range(3)]
    # A run takes a second until one has ended: the third is expected to wait for two.
    for n, socket in enumerate(sockets):
        await socket.run(f"sleep 4.{n}")
        await asyncio.sleep(0.1)
    said = await sockets[2].until("done")
    assert [m["type"] for m in said][:2] == ["accepted", "queued"]
    error = next(m for m in said if m["type"] == "error")
    assert error["code"] == "busy" and "waited" in error["message"] and error["retry_after"] >= 1
    for socket in sockets:
        await socket.send(type="cancel")


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.booleans()), max_size=30), st.sampled_from("abcdef"))
def test_a_run_is_told_beforehand_how_many_come_before_it(steps: list[tuple[str, bool]], name: str) -> None:
    queue = Queue(1000, 1000, 1e9)
    clients = {each: Client(each, 1 + (each in "ad")) for each in "abcdef"}
    for each, takes in steps:
        if takes and (first := queue.next(Counter())) is not None:
            queue.take(first)
        queue.add(waiting(clients[each]), 1, held=False)
    queue.took(1)
    queue.seconds = -1  # now each is refused, and told how long it would wait
    with pytest.raises(Busy) as refused:
        queue.admit(clients[name], 1, held=True)
    queue.seconds = 1e9
    run = waiting(clients[name])
    queue.add(run, 1, held=False)
    before = queue.order().index(run)
    assert f"wait about {before + 1} second" in refused.value.sentence


@asynchronous
async def test_what_is_refused_touches_no_disk(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(service.pool, Pool)
    monkeypatch.setattr(service.pool._queue, "length", 0)

    def touched(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(service.store, "begin", touched)
    monkeypatch.setattr("playground.disk.need", touched)
    with pytest.raises(Busy):
        service.open(asked("stage refused"), client=Client("192.0.2.3"))


@asynchronous
async def test_nothing_holds_a_run_that_is_over_and_forgotten(service: Service) -> None:
    """Not the time either that it might have waited."""
    runs = []
    for n in range(3):
        run = service.open(asked(f"stage compile\nstage over{n}"))
        service.watch(run)
        while run.state != FINISHED:
            await run.change().wait()
        service.leave(run)
        runs.append(weakref.ref(run))
    del run
    service.forget_all()
    async with asyncio.timeout(60):
        while any(each() is not None for each in runs):
            gc.collect()
            await asyncio.sleep(0.1)
