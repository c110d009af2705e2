"""Where the names that snippets use come from: header by name, and what no public header holds."""

from __future__ import annotations

import re
from functools import cache
from typing import Final

_BPF: Final = "linux/bpf.h"
_HELPERS: Final = "bpf/bpf_helpers.h"
_ENDIAN: Final = "bpf/bpf_endian.h"
_TRACING: Final = "bpf/bpf_tracing.h"
_CORE: Final = "bpf/bpf_core_read.h"

# Exact names. Those with a tag ("struct iphdr") are looked up with it.
_NAMES: Final[dict[str, str]] = {
    **dict.fromkeys(
        ("SEC", "__uint", "__type", "__array", "__ulong", "__always_inline", "__noinline", "__weak", "__hidden",
         "__ksym", "__kconfig", "__kptr", "__arg_ctx", "__arg_nonnull", "bpf_printk", "__bpf_printk", "bpf_for",
         "bpf_for_each", "bpf_repeat", "bpf_tail_call_static", "BPF_SEQ_PRINTF", "BPF_SNPRINTF", "barrier",
         "barrier_var", "container_of", "LIBBPF_PIN_BY_NAME", "bpf_ksym_exists", "NULL", "KERNEL_VERSION"),
        _HELPERS,
    ),
    **dict.fromkeys(
        ("bpf_htons", "bpf_ntohs", "bpf_htonl", "bpf_ntohl", "bpf_cpu_to_be64", "bpf_be64_to_cpu", "__bpf_htons",
         "__bpf_ntohs", "__bpf_constant_htons", "__bpf_constant_ntohs", "__bpf_constant_htonl", "__bpf_constant_ntohl"),
        _ENDIAN,
    ),
    **dict.fromkeys(
        ("BPF_KPROBE", "BPF_KRETPROBE", "BPF_UPROBE", "BPF_URETPROBE", "BPF_PROG", "BPF_PROG2", "BPF_KSYSCALL",
         "BPF_KPROBE_SYSCALL"),
        _TRACING,
    ),
    **dict.fromkeys(
        ("BPF_CORE_READ", "BPF_CORE_READ_INTO", "BPF_CORE_READ_STR_INTO", "BPF_CORE_READ_USER", "BPF_PROBE_READ",
         "BPF_CORE_READ_BITFIELD", "BPF_CORE_READ_BITFIELD_PROBED", "BPF_PROBE_READ_INTO"),
        _CORE,
    ),
    **dict.fromkeys(("htons", "ntohs", "htonl", "ntohl", "in_addr_t", "in_port_t"), "netinet/in.h"),
    **dict.fromkeys(("struct ethhdr", "ethhdr"), "linux/if_ether.h"),
    **dict.fromkeys(("struct iphdr", "iphdr", "IPTOS_TOS"), "linux/ip.h"),
    **dict.fromkeys(("struct ipv6hdr", "ipv6hdr"), "linux/ipv6.h"),
    **dict.fromkeys(("struct in6_addr", "struct sockaddr_in6"), "linux/in6.h"),
    **dict.fromkeys(("struct tcphdr", "tcphdr"), "linux/tcp.h"),
    **dict.fromkeys(("struct udphdr", "udphdr"), "linux/udp.h"),
    **dict.fromkeys(("struct icmphdr", "icmphdr"), "linux/icmp.h"),
    **dict.fromkeys(("struct icmp6hdr",), "linux/icmpv6.h"),
    **dict.fromkeys(("struct arphdr",), "linux/if_arp.h"),
    **dict.fromkeys(("struct sockaddr_in", "struct in_addr"), "linux/in.h"),
    **dict.fromkeys(("struct pt_regs", "pt_regs"), "linux/ptrace.h"),
    **dict.fromkeys(("struct bpf_perf_event_data",), "linux/bpf_perf_event.h"),
    **dict.fromkeys(("struct perf_event_header",), "linux/perf_event.h"),
    **dict.fromkeys(("LINUX_VERSION_CODE",), "linux/version.h"),
    **dict.fromkeys(("bool", "true", "false"), "stdbool.h"),
    **dict.fromkeys(("size_t", "offsetof", "ptrdiff_t"), "stddef.h"),
    **dict.fromkeys(("pid_t", "uid_t", "gid_t", "ssize_t"), "sys/types.h"),
    **dict.fromkeys(
        (f"{sign}int{bits}_t" for sign in ("", "u") for bits in (8, 16, 32, 64)), "stdint.h"
    ),
    **dict.fromkeys(("memcpy", "memset", "memmove", "memcmp"), "string.h"),
    **dict.fromkeys(
        (f"__{sign}{bits}" for sign in ("u", "s", "be", "le") for bits in (8, 16, 32, 64)), "linux/types.h"
    ),
    **dict.fromkeys(("AF_INET", "AF_INET6", "AF_UNIX", "SOCK_STREAM", "SOCK_DGRAM"), "sys/socket.h"),
}  # fmt: skip

# Families, the first that matches. bpf_… is a helper only if the table of helpers has it.
_FAMILIES: Final = tuple(
    (re.compile(pattern), header)
    for pattern, header in (
        (r"IPPROTO_\w+$|INADDR_\w+$", "linux/in.h"),
        (r"ETH_(P|ALEN|HLEN|DATA|FRAME|ZLEN)\w*$", "linux/if_ether.h"),
        (r"(TC_ACT|TCA)_\w+$", "linux/pkt_cls.h"),
        (r"ICMP_\w+$", "linux/icmp.h"),
        (r"ICMPV6_\w+$", "linux/icmpv6.h"),
        (r"ARPHRD_\w+$|ARPOP_\w+$", "linux/if_arp.h"),
        (r"PERF_(TYPE|COUNT|SAMPLE)_\w+$", "linux/perf_event.h"),
        (r"E(PERM|NOENT|INTR|IO|BADF|AGAIN|NOMEM|ACCES|FAULT|BUSY|EXIST|INVAL|NOSPC|RANGE|E2BIG|OPNOTSUPP)$",
         "linux/errno.h"),
        (r"(XDP|SK|BPF_MAP_TYPE|BPF_PROG_TYPE|BPF_F|BPF_RB|BPF_FIB|BPF_SOCK|BPF_TCP|BPF_HDR|BPF_CSUM)_\w+$", _BPF),
        (r"BPF_(ANY|NOEXIST|EXIST|OK|DROP|REDIRECT)$", _BPF),
        (r"struct (xdp_md|__sk_buff|bpf_\w+|sk_msg_md|sk_reuseport_md|btf_ptr)$", _BPF),
        (r"PT_REGS_\w+$", _TRACING),
        (r"bpf_core_\w+$", _CORE),
    )
)  # fmt: skip

# For sources with vmlinux.h: types are there, macros are not.
NOT_IN_VMLINUX: Final[dict[str, str]] = {
    name: f"#define {name} {value}"
    for name, value in {
        "ETH_P_IP": "0x0800", "ETH_P_IPV6": "0x86DD", "ETH_P_ARP": "0x0806", "ETH_P_8021Q": "0x8100",
        "ETH_P_8021AD": "0x88A8", "ETH_P_ALL": "0x0003", "ETH_ALEN": "6", "ETH_HLEN": "14", "AF_INET": "2",
        "AF_INET6": "10", "AF_UNIX": "1", "TC_ACT_UNSPEC": "(-1)", "TC_ACT_OK": "0", "TC_ACT_RECLASSIFY": "1",
        "TC_ACT_SHOT": "2", "TC_ACT_PIPE": "3", "TC_ACT_STOLEN": "4", "TC_ACT_REDIRECT": "7", "EPERM": "1",
        "ENOENT": "2", "EAGAIN": "11", "ENOMEM": "12", "EACCES": "13", "EFAULT": "14", "EBUSY": "16", "EEXIST": "17",
        "EINVAL": "22", "ENOSPC": "28", "O_CREAT": "00000100", "O_RDONLY": "00000000",
        "O_WRONLY": "00000001", "O_RDWR": "00000002", "PF_KTHREAD": "0x00200000", "S_IFMT": "00170000",
        "S_IFREG": "0100000", "S_IFDIR": "0040000", "ICMP_ECHO": "8", "ICMP_ECHOREPLY": "0", "IP_MF": "0x2000",
        "IP_OFFSET": "0x1FFF", "UINT_MAX": "0xffffffffu", "INT_MAX": "0x7fffffff", "PERF_MAX_STACK_DEPTH": "127",
        "NSEC_PER_SEC": "1000000000L", "CLOCK_MONOTONIC": "1", "PATH_MAX": "4096", "NAME_MAX": "255",
    }.items()
}  # fmt: skip

# In a vmlinux.h source these headers would define the kernel's types a second time.
_VMLINUX_HAS: Final = re.compile(r"^(linux/(?!version\.h)|stdbool|stdint|stddef|sys/|netinet/)")

_SHORT_TYPES: Final = {
    f"{sign}{bits}": f"typedef __{sign}{bits} {sign}{bits};" for sign in "us" for bits in (8, 16, 32, 64)
}

_MAP_DEF: Final = "unsigned int type; unsigned int key_size; unsigned int value_size; unsigned int max_entries;"
# What the headers of libbpf 0.x and of iproute2 defined.
OLD_DEFINITIONS: Final[dict[str, str]] = {
    "struct bpf_map_def": f"struct bpf_map_def {{ {_MAP_DEF} unsigned int map_flags; }};",
    "struct bpf_elf_map": (
        "struct bpf_elf_map { unsigned int type; unsigned int size_key; unsigned int size_value; "
        "unsigned int max_elem; unsigned int flags; unsigned int id; unsigned int pinning; "
        "unsigned int inner_id; unsigned int inner_idx; };"
    ),
}

# Functions that headers beside old samples declared: their bodies are instructions of clang's own.
INTRINSICS: Final[dict[str, str]] = {
    f"load_{word}": f'unsigned long long load_{word}(void *skb, unsigned long long off) asm("llvm.bpf.load.{word}");'
    for word in ("byte", "half", "word")
}

# Macros of the kernel and of Cilium that snippets use as if every header had them.
MACROS: Final[dict[str, str]] = {
    "likely": "#define likely(x) __builtin_expect(!!(x), 1)",
    "unlikely": "#define unlikely(x) __builtin_expect(!!(x), 0)",
    "ARRAY_SIZE": "#define ARRAY_SIZE(x) (sizeof(x) / sizeof((x)[0]))",
    "READ_ONCE": "#define READ_ONCE(x) (*(volatile typeof(x) *)&(x))",
    "WRITE_ONCE": "#define WRITE_ONCE(x, v) (*(volatile typeof(x) *)&(x) = (v))",
    "lock_xadd": "#define lock_xadd(p, v) ((void)__sync_fetch_and_add(p, v))",
    "min": "#define min(a, b) ((a) < (b) ? (a) : (b))",
    "max": "#define max(a, b) ((a) > (b) ? (a) : (b))",
    "MIN": "#define MIN(a, b) ((a) < (b) ? (a) : (b))",
    "MAX": "#define MAX(a, b) ((a) > (b) ? (a) : (b))",
    "__section": "#define __section(x) __attribute__((section(x), used))",
    "__packed": "#define __packed __attribute__((packed))",
    "__maybe_unused": "#define __maybe_unused __attribute__((unused))",
}

_TRACE_ENTRY: Final = (
    "struct trace_entry { unsigned short type; unsigned char flags; unsigned char preempt_count; int pid; };"
)

# What only the kernel itself (and so vmlinux.h) defines; layouts as its BTF has them.
DEFINITIONS: Final[dict[str, str]] = {
    **_SHORT_TYPES,
    "TASK_COMM_LEN": "enum { TASK_COMM_LEN = 16 };",
    "NAME_MAX": "enum { NAME_MAX = 255 };",
    "IP_MF": "enum { IP_MF = 0x2000 };",
    "IP_OFFSET": "enum { IP_OFFSET = 0x1FFF };",
    "struct vlan_hdr": "struct vlan_hdr { __be16 h_vlan_TCI; __be16 h_vlan_encapsulated_proto; };",
    "struct trace_entry": _TRACE_ENTRY,
}


def tracepoint_context(name: str) -> str | None:
    """The struct that programs of a tracepoint get (struct trace_event_raw_NAME), None where it is not plain.

    Plain: numbers and arrays of them, so that it can be written in one line without the kernel's other types.
    """
    from vm.btf.types import INT_SIGNED, Kind
    from vm.kernel.btf import kernel_btf

    if not name.startswith("struct trace_event_raw_"):
        return None
    btf = kernel_btf()
    found = btf.find(name.removeprefix("struct "), Kind.STRUCT)
    if found is None or not found.members or found.members[0].name != "ent":
        return None
    members, end = [], 8 * btf.size_of(found.members[0].type_id)
    for member in found.members[1:]:
        type_, count = btf.skip_modifiers(member.type_id), ""
        if type_.kind is Kind.ARRAY:
            count = f"[{type_.nelems}]"
            type_ = btf.skip_modifiers(type_.type_id)
        size = 8 if type_.kind is Kind.PTR else type_.size
        if type_.kind not in (Kind.INT, Kind.PTR, Kind.ENUM) or member.bits or size not in _WORDS:
            return None
        if member.bit_off != -(-end // (8 * size)) * 8 * size:
            return None
        end = member.bit_off + 8 * btf.size_of(member.type_id)
        sign = "" if type_.encoding & INT_SIGNED or type_.name == "char" else "unsigned "
        word = "void *" if type_.kind is Kind.PTR else f"{sign}{_WORDS[size]} "
        members.append(f"{word}{member.name}{count};")
    return f"{_TRACE_ENTRY}\n{name} {{ struct trace_entry ent; {' '.join(members)} }};"


_CONSTANT: Final = re.compile(r"[A-Z][A-Z0-9_]{2,60}$")


@cache
def _enumerators() -> dict[str, int]:
    from vm.btf.types import Kind
    from vm.kernel.btf import kernel_btf

    found: dict[str, int] = {}
    for type_ in kernel_btf().of_kind(Kind.ENUM):
        if type_.size <= 4:
            found.update((each.name, each.value) for each in type_.enumerators)
    return found


def kernel_constant(name: str) -> str | None:
    """The definition of a constant that an enumeration of the kernel has (TCP_FIN_WAIT1), None for no such name."""
    value = _enumerators().get(name) if _CONSTANT.match(name) else None
    return f"enum {{ {name} = {value} }};" if value is not None else None


_WORDS: Final = {1: "char", 2: "short", 4: "int", 8: "long"}


@cache
def _helper_names() -> frozenset[str]:
    from vm.kernel.helpers import all_helpers

    return frozenset(h.name for h in all_helpers())


def header_of(name: str, *, vmlinux: bool) -> str | None:
    """The header that brings `name`, or None where none is known."""
    header = _NAMES.get(name)
    if header is None:
        header = next((header for pattern, header in _FAMILIES if pattern.match(name)), None)
    if header is None and name in _helper_names():
        header = _HELPERS
    if header is not None and vmlinux and _VMLINUX_HAS.match(header):
        return None
    return header
