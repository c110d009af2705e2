"""Whatever is typed: an object, or a sentence with a place."""

from __future__ import annotations

import contextlib

from hypothesis import given, settings
from hypothesis import strategies as st

from vm.asm import assemble, from_hex
from vm.errors import InputError

VOCABULARY = """
r0 r1 w2 r10 r11 r99 = += s>>= *( u32 s8 u64 *) ( ) [ ] , : + - & # ; // if goto gotol may_goto call exit lock ll map
pc skb be16 bswap64 atomic_fetch_add xchg_64 addr_space_cast 0 1 -1 0xffffffff 99999999999999999999999 0x 08
mov ldxw stxdw lddw jeq ja label label: .map .type .license array 4 8 12: (b7) <main>: é '
"""
WORDS = st.sampled_from([*VOCABULARY.split(), "\t", "\x00"])
TEXTS = st.lists(st.lists(WORDS, max_size=9).map(" ".join), max_size=8).map("\n".join)


@settings(max_examples=200)
@given(st.one_of(TEXTS, st.text(max_size=200)))
def test_assembling_anything(text: str) -> None:
    with contextlib.suppress(InputError):
        assemble(text)


@settings(max_examples=100)
@given(st.one_of(st.text(max_size=200), st.text('0123456789abcdefx, \n\\"{};', max_size=200)))
def test_hex_of_anything(text: str) -> None:
    with contextlib.suppress(InputError):
        from_hex(text)
