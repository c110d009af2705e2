"""A saved guest's kernel as what objects are relocated for (vm.kernel.target.Target)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from vm.btf.types import Btf
from vm.guests.images import version_key
from vm.guests.states import State

_UPROBE_MULTI: Final = (6, 6)
_TCX: Final = (6, 6)
MOST_LIKE: Final = 3
_GENERATED: Final = ("__pfx_", "__cfi_", "__SC", "__probestub_", "__traceiter_", "__bpf_trace_")
_BPF_COOKIE: Final = (5, 15)  # bpf_get_attach_cookie(), which libbpf asks for


@lru_cache(maxsize=8)
def _types(state: State) -> Btf:
    """A kernel's types, kept: reading them takes longer than an answer."""
    return Btf(*state.btf_data)


@dataclass(frozen=True)
class GuestKernel:
    """See vm.kernel.target.Target. attaches -- whether the programs are attached as well"""

    state: State
    attaches: bool = False

    @property
    def name(self) -> str:
        """Name for texts, with the full version: "Linux 7.3.1"."""
        return f"Linux {self.state.release.split('-')[0].split('+')[0]}"

    @property
    def real(self) -> bool:
        """True: the object is loaded into a real kernel."""
        return True

    @property
    def btf(self) -> Btf:
        """The kernel's types."""
        return _types(self.state)

    @property
    def version_code(self) -> int:
        """LINUX_VERSION_CODE."""
        major, minor, patch = (*version_key(self.state.release), 0, 0)[:3]
        return major << 16 | minor << 8 | min(patch, 255)

    @property
    def virtual(self) -> Mapping[str, int]:
        """Values of the options LINUX_HAS_… that libbpf finds out by trying."""
        return MappingProxyType({"LINUX_HAS_BPF_COOKIE": int(self.cookies), "LINUX_HAS_SYSCALL_WRAPPER": 1})

    @property
    def cookies(self) -> bool:
        """Whether a program can ask for the cookie that it was attached with."""
        return version_key(self.state.release) >= _BPF_COOKIE

    @property
    def tcx(self) -> bool:
        """Whether tc programs are attached by links (tcx)."""
        return version_key(self.state.release) >= _TCX

    @property
    def uprobe_multi(self) -> bool:
        """Whether libbpf attaches USDT probes through uprobe-multi links (FEAT_UPROBE_MULTI_LINK)."""
        return version_key(self.state.release) >= _UPROBE_MULTI

    def address(self, name: str) -> int | None:
        """The address of a symbol, the same in every guest of this state."""
        found = re.search(rf"^([0-9a-f]+) \w {re.escape(name)}(?:\s|$)", self.state.symbols, re.MULTILINE)
        return int(found[1], 16) if found is not None else None

    def like(self, name: str) -> list[str]:
        """Functions whose names hold a name, the shortest first; at most MOST_LIKE."""
        found = set(re.findall(rf"^[0-9a-f]+ [tT] (\w*{re.escape(name)}\w*)$", self.state.symbols, re.MULTILINE))
        plain = (each for each in found if not each.startswith(_GENERATED))
        return sorted(plain, key=lambda each: (len(each), each))[:MOST_LIKE]

    def option(self, name: str) -> str | None:
        """A CONFIG_ option as the config file spells it, or None."""
        return self.state.config.get(name)
