"""The kernel that an object is relocated for: the emulated one, or a real one that will be asked itself."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Protocol

from vm.btf.types import Btf
from vm.kernel.release import LINUX

# What libbpf calls options, and finds out by trying (get_kernel_config_map() and its virtual entries).
_VIRTUAL: Final = MappingProxyType({"LINUX_HAS_BPF_COOKIE": 1, "LINUX_HAS_SYSCALL_WRAPPER": 1})


class Target(Protocol):
    """What a loader asks of a kernel."""

    @property
    def name(self) -> str:
        """As texts name it: "Linux 7.3"."""

    @property
    def real(self) -> bool:
        """Whether the object goes to a real kernel: then nothing that this one would refuse is refused before."""

    @property
    def attaches(self) -> bool:
        """Whether the programs are attached as well: then freplace programs get another program of the object."""

    @property
    def btf(self) -> Btf:
        """The kernel's types."""

    @property
    def version_code(self) -> int:
        """LINUX_VERSION_CODE."""

    @property
    def virtual(self) -> Mapping[str, int]:
        """Values of the options LINUX_HAS_… that libbpf knows."""

    def address(self, name: str) -> int | None:
        """The address of a symbol (kallsyms), or None."""

    def option(self, name: str) -> str | None:
        """A CONFIG_ option as the config file spells it, or None."""


class Emulated:
    """The kernel that the verifier, the JIT and the run follow."""

    name: Final = LINUX
    real: Final = False
    attaches: Final = False
    virtual: Final = _VIRTUAL

    @property
    def btf(self) -> Btf:
        """The kernel's types; they are read when first asked for."""
        from vm.kernel.btf import kernel_btf

        return kernel_btf()

    @property
    def version_code(self) -> int:
        """LINUX_VERSION_CODE."""
        from vm.kernel.symbols import linux_version_code

        return linux_version_code()

    def address(self, name: str) -> int | None:
        """The address of a symbol (kallsyms), or None."""
        from vm.kernel.symbols import ksym_address

        return ksym_address(name)

    def option(self, name: str) -> str | None:
        """A CONFIG_ option as the config file spells it, or None."""
        from vm.kernel.symbols import kconfig

        return kconfig(name)


EMULATED: Final = Emulated()
