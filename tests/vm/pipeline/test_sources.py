"""What the facade takes: sizes, and the order in which a source is refused."""

from __future__ import annotations

import pytest

from vm import pipeline
from vm.errors import InputError, LimitError
from vm.pipeline import MAX_ELF_BYTES, MAX_SOURCE_BYTES, BuildOptions, Source


@pytest.mark.parametrize("kind", ["c", "asm", "hex"])
def test_a_source_one_byte_too_long_is_told_both_numbers(kind: str) -> None:
    source = Source(kind, b" " * (MAX_SOURCE_BYTES + 1))
    with pytest.raises(LimitError) as refused:
        pipeline.compile_source(source, BuildOptions()) if kind == "c" else pipeline.load(source, BuildOptions())
    assert refused.value.limit == "size"
    assert "has 65,537 bytes; at most 65,536 bytes (64 KiB)" in refused.value.message


def test_a_source_of_exactly_the_limit_is_taken() -> None:
    text = b"r0 = 0\nexit\n"
    source = Source("asm", text + b"#" * (MAX_SOURCE_BYTES - len(text)))
    assert [p.name for p in pipeline.load(source, BuildOptions()).programs] == ["program"]


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (Source("asm", b"\xff"), "not UTF-8 text: byte 0"),
        (Source("asm", b" \n"), "The source is empty"),
        (Source("elf", b"\0" * (MAX_ELF_BYTES + 1)), "16,777,217 bytes; at most 16,777,216 bytes (16 MiB)"),
    ],
)
def test_what_cannot_be_used_is_a_sentence(source: Source, words: str) -> None:
    with pytest.raises(InputError) as refused:
        pipeline.load(source, BuildOptions())
    assert words in refused.value.message
