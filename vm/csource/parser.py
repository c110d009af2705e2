"""The one place that starts tree-sitter: it is imported where a C source is read, and nowhere else."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tree_sitter import Node, Parser


def parse(data: bytes) -> Node:
    """The root of the syntax tree of C text; what the grammar does not understand is an ERROR node."""
    return _parser().parse(data).root_node


@cache
def _parser() -> Parser:
    import tree_sitter
    import tree_sitter_c

    return tree_sitter.Parser(tree_sitter.Language(tree_sitter_c.language()))
