"""Helpers that work on maps (kernel/bpf/helpers.c, ringbuf.c, bpf_iter.c)."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Final

from vm.kernel.errno import EAGAIN, EINVAL
from vm.kernel.types import BPF_RB_FORCE_WAKEUP, BPF_RB_NO_WAKEUP
from vm.runner.helpers.base import Call, Helper, u32
from vm.runner.maps import BloomFilter, Hash, Map, RingBuf
from vm.runner.memory import AccessError

if TYPE_CHECKING:
    from vm.runner.world import World


def _key(w: World, each: Map, address: int) -> bytes:
    return w.memory.load_bytes(address, each.spec.key_size)


def _value(w: World, each: Map, address: int) -> bytes:
    return w.memory.load_bytes(address, each.spec.value_size)


def lookup_elem(w: World, r1: int, r2: int, r3: int, r4: int, r5: int) -> int:
    each = w.map_at(r1)
    return each.lookup(_key(w, each, r2))


def _lookup_raw(w: World, r1: int, r2: int, r3: int, r4: int, r5: int) -> int:
    """__htab_map_lookup_elem: the element, not its value (inlined code adds the rest)."""
    each = w.map_at(r1)
    if isinstance(each, Hash):
        return each.find(_key(w, each, r2))
    return each.lookup(_key(w, each, r2))


def update_elem(w: World, r1: int, r2: int, r3: int, r4: int, r5: int) -> int:
    each = w.map_at(r1)
    return each.update(_key(w, each, r2), _value(w, each, r3), r4)


def delete_elem(w: World, r1: int, r2: int, r3: int, r4: int, r5: int) -> int:
    each = w.map_at(r1)
    return each.delete(_key(w, each, r2))


def push_elem(w: World, r1: int, r2: int, r3: int, r4: int, r5: int) -> int:
    each = w.map_at(r1)
    return each.push(_value(w, each, r2), r3)


def pop_elem(w: World, r1: int, r2: int, r3: int, r4: int, r5: int) -> int:
    each = w.map_at(r1)
    error, value = each.pop()
    w.memory.store_bytes(r2, value)
    return error


def peek_elem(w: World, r1: int, r2: int, r3: int, r4: int, r5: int) -> int:
    each = w.map_at(r1)
    if isinstance(each, BloomFilter):
        return each.has(_value(w, each, r2))
    error, value = each.peek()
    w.memory.store_bytes(r2, value)
    return error


def lookup_percpu_elem(w: World, r1: int, r2: int, r3: int, r4: int, r5: int) -> int:
    each = w.map_at(r1)
    return each.lookup(_key(w, each, r2)) if u32(r3) == 0 else 0


def for_each_map_elem(w: World, r1: int, r2: int, r3: int, r4: int, r5: int) -> int | Generator[Call, int, int]:
    if r4:
        return -EINVAL
    each = w.map_at(r1)
    return _for_each(w, each, r2, r3)


def _for_each(w: World, each: Map, callback: int, ctx: int) -> Generator[Call, int, int]:
    # A key per element, as the callback is given its address; hash tables' own keys are next to their values.
    done = 0
    for key, value in each.each():
        if isinstance(each, Hash) and key not in each.elems:
            continue
        at = w.scratch_bytes(f"key of {each.name}", max(len(key), 8))
        w.memory.write(at, key)
        done += 1
        if (yield Call(callback, (each.address, at, value, ctx, 0))):
            break
    return done


# -- ring buffers -------------------------------------------------------------------------------------


def _ring(w: World, address: int) -> RingBuf:
    each = w.map_at(address)
    if not isinstance(each, RingBuf):
        raise AccessError(f"{each.name} is no ring buffer", address)
    return each


def _said(w: World, ring: RingBuf, data: bytes) -> None:
    w.say("ringbuf", f"{ring.name}: {len(data)} bytes", data)


def ringbuf_output(w: World, r1: int, r2: int, r3: int, r4: int, r5: int) -> int:
    if r4 & ~(BPF_RB_NO_WAKEUP | BPF_RB_FORCE_WAKEUP):
        return -EINVAL
    ring = _ring(w, r1)
    if r3 > ring.size:
        return -EAGAIN
    data = w.memory.load_bytes(r2, r3)
    if not ring.output(data):
        return -EAGAIN
    _said(w, ring, data)
    return 0


def ringbuf_reserve(w: World, r1: int, r2: int, r3: int, r4: int, r5: int) -> int:
    return 0 if r3 else _ring(w, r1).reserve(r2)


def _finish(w: World, address: int, *, discard: bool) -> int:
    for each in w.maps:
        if isinstance(each, RingBuf) and each.reserved(address) is not None:
            data = each.commit(address, discard=discard)
            if data is not None:
                _said(w, each, data)
            return 0
    raise AccessError(f"{address:#x} is no reserved record of a ring buffer", address)


def ringbuf_submit(w: World, r1: int, r2: int, r3: int, r4: int, r5: int) -> int:
    return _finish(w, r1, discard=False)


def ringbuf_discard(w: World, r1: int, r2: int, r3: int, r4: int, r5: int) -> int:
    return _finish(w, r1, discard=True)


def ringbuf_query(w: World, r1: int, r2: int, r3: int, r4: int, r5: int) -> int:
    ring = _ring(w, r1)
    answers = (ring.prod_pos - ring.cons_pos, ring.size, ring.cons_pos, ring.prod_pos)
    return answers[r2] if r2 < len(answers) else 0


HELPERS: Final[dict[str, Helper]] = {
    "map_lookup_elem": lookup_elem,
    "map_update_elem": update_elem,
    "map_delete_elem": delete_elem,
    "map_push_elem": push_elem,
    "map_pop_elem": pop_elem,
    "map_peek_elem": peek_elem,
    "map_lookup_percpu_elem": lookup_percpu_elem,
    "for_each_map_elem": for_each_map_elem,
    "ringbuf_output": ringbuf_output,
    "ringbuf_reserve": ringbuf_reserve,
    "ringbuf_submit": ringbuf_submit,
    "ringbuf_discard": ringbuf_discard,
    "ringbuf_query": ringbuf_query,
}

# Operations of a map type that the verifier calls directly (struct bpf_map_ops), by how their names end.
_DIRECT: Final[tuple[tuple[str, Helper], ...]] = (
    ("map_lookup_percpu_elem", lookup_percpu_elem),
    ("lookup_elem", lookup_elem),
    ("update_elem", update_elem),
    ("delete_elem", delete_elem),
    ("push_elem", push_elem),
    ("pop_elem", pop_elem),
    ("peek_elem", peek_elem),
    ("for_each_hash_elem", for_each_map_elem),
    ("for_each_array_elem", for_each_map_elem),
)


def direct(name: str) -> Helper | None:
    """The helper behind a map operation's own name, e.g. htab_map_update_elem."""
    if name == "__htab_map_lookup_elem":
        return _lookup_raw
    if name.endswith("_redirect") and name != "bpf_redirect":
        from vm.runner.helpers.net import redirect_map

        return redirect_map
    if "_map_" not in name and not name.startswith(("trie_", "bpf_for_each_", "queue_stack", "bloom")):
        return None
    return next((helper for end, helper in _DIRECT if name.endswith(end)), None)
