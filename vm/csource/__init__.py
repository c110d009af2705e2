"""What the text of a C source says without a compiler, and changes of it that a user can accept."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vm.csource.syntax import Syntax


def root_of(expression: str) -> str:
    """The variable that an expression starts from: "ip" of "ip->daddr"."""
    found = re.search(r"[A-Za-z_]\w*", expression)
    return found[0] if found else ""


def syntax_of(source: str) -> Syntax:
    """See `vm.csource.syntax.syntax_of` (imported when there is a source)."""
    from vm.csource.syntax import syntax_of as read

    return read(source)
