"""What loaders say where the verifier says nothing: no types of the kernel, maps that are not created, programs that
are refused before they are verified, hooks that do not exist.

A table of the messages of libbpf, libxdp, bpftool, ebpf-go, aya, bcc and bpftrace, the most particular first. Of a
text's lines the one counts whose row stands first.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, NamedTuple


class Meaning(NamedTuple):
    """what -- sentences that say what is wrong; needed -- what would be accepted, without a full stop"""

    what: str
    needed: str


class Row(NamedTuple):
    """A message of a loader.

    shape -- with groups whose values `said` and `errors` fill in: {name}
    said -- what it means whatever the error is; None: only with an error of `errors`
    errors -- what it means with an error, by the error's name
    """

    shape: re.Pattern[str]
    said: Meaning | None
    errors: Mapping[str, Meaning] = {}


def _row(shape: str, what: str = "", needed: str = "", errors: Mapping[str, Meaning] | None = None) -> Row:
    return Row(re.compile(shape), Meaning(what, needed) if what else None, errors or {})


_NAME: Final = r"[`'\" ]{0,3}(?P<name>[\w./:$+-]{1,100}?)[`'\"]{0,2}"

_SYMBOL: Final = r"\w[\w+:]{0,99}(?:\.\w{1,40})*"

# ---- what an error means, by what was tried

_RIGHTS: Final = Meaning(
    "The kernel refused this with EPERM: the process lacks a capability, a container's profile (seccomp) or the "
    "kernel's lockdown forbids it, or, on kernels before 5.11, the limit of locked memory is too small. The program "
    "itself was not judged.",
    "root, or CAP_BPF with CAP_PERFMON for tracing and CAP_NET_ADMIN for networks (before 5.8 CAP_SYS_ADMIN), also in "
    "the container; before 5.11 a larger RLIMIT_MEMLOCK (ulimit -l unlimited, setrlimit(), rlimit.RemoveMemlock())",
)
_LOG_MISSING: Final = (
    "the verifier's log: bpftool -d prog load; with libbpf its debug messages, with ebpf-go the VerifierError printed "
    "with %+v, with bcc debug=0x2, with bpftrace -v; paste that"
)
_TOO_MUCH: Final = Meaning(
    "The kernel answered E2BIG: either the program has more instructions than the kernel takes, or, more often, the "
    "verifier gave up because it had to follow too many. The second does not mean that the program is unsafe.",
    "fewer branches and rounds of loops, bpf_loop() or bpf_for() instead of unrolled ones, parts moved to global "
    "functions or behind tail calls; a newer kernel takes more. The verifier's log tells which of the two it is",
)
_LOAD: Final = {
    "EPERM": _RIGHTS,
    "E2BIG": _TOO_MUCH,
    "EACCES": Meaning(
        "The kernel refused the program with EACCES: the verifier found something wrong, and what it is stands in its "
        "log, which this text does not have.",
        _LOG_MISSING,
    ),
    "EINVAL": Meaning(
        "The kernel refused the program with EINVAL, and this text has no log of the verifier. If there is none, the "
        "verifier was not reached: this kernel does not know the program's type, its attach type or flags, or (before "
        "5.0, for kprobes) the kernel version that the program names is not the running one.",
        f"a kernel and a section name that fit; or {_LOG_MISSING}",
    ),
    "ENOSPC": Meaning(
        "The verifier's log did not fit into the buffer that the loader gave it. What it decided is not told.",
        "a larger log buffer, or the program loaded without a log, or with a lower log level",
    ),
    "ENOTSUPP": Meaning(
        "This kernel's JIT compiler does not support something that the program needs, or there is none.",
        "a kernel with the JIT compiler (CONFIG_BPF_JIT, net.core.bpf_jit_enable=1), or a newer one for this processor",
    ),
    "ENOSYS": Meaning(
        "This kernel has no bpf() system call, or the container's profile hides it.",
        "a kernel with CONFIG_BPF_SYSCALL",
    ),
}
_MAP: Final = {
    "EPERM": _RIGHTS,
    "ENOMEM": Meaning(
        "The kernel has not enough memory for the map {name}. Arrays and hash maps take memory for max_entries at "
        "once, per-CPU maps for every possible CPU.",
        "smaller max_entries or values; BPF_F_NO_PREALLOC for a hash map; a higher memory limit of the container",
    ),
    "EINVAL": Meaning(
        "The kernel does not accept the attributes of the map {name}: a type or flag that it does not know, or sizes "
        "that the type does not allow. A ring buffer's max_entries is a power of two and whole pages, its key and "
        "value size 0; max_entries is not 0; an array's key has 4 bytes.",
        "sizes and flags that this type of map takes (man bpf, Documentation/bpf), or a newer kernel",
    ),
    "E2BIG": Meaning(
        "The key, the value or max_entries of the map {name} is larger than this type of map allows.",
        "smaller ones; the space for a value per CPU is limited as well",
    ),
}
_NO_FUNCTION: Final = Meaning(
    "No kprobe can be put on the function {name}: the running kernel has no function of that name that may be "
    "probed. It does not exist in this version, was inlined or renamed by the compiler (name.isra.0), is "
    "marked notrace, or is in a module that is not loaded.",
    "a name of /sys/kernel/tracing/available_filter_functions on the machine where it runs; modules loaded before",
)
_ATTACH: Final = {
    "ENOTSUPP": Meaning(
        "The program was loaded, and this kernel cannot attach it in this way: fentry, fexit and lsm need trampolines, "
        "which not every processor's kernel has, or has only with CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS.",
        "a kprobe or tracepoint in its place, or a newer kernel with these options",
    ),
    "EPERM": _RIGHTS,
    "EINVAL": Meaning(
        "The program was loaded, and the kernel did not accept the way in which it is attached: its type or attach "
        "type does not fit the target, or the kernel does not know such a link.",
        "a section name that fits the target, a target that exists; or a newer kernel",
    ),
    "EBUSY": Meaning(
        "The program was loaded, and something else is attached there already.",
        "the other program detached first (bpftool net, bpftool cgroup tree, ip link)",
    ),
    "ENOENT": Meaning(
        "The program was loaded, and the target that it is attached to does not exist on this machine.",
        "a function, tracepoint, file or interface that exists where it runs",
    ),
    "EBADF": Meaning(
        "The program was loaded, and the target that it is attached to is no open file descriptor: the loader opens "
        "it wrongly, or too late.",
        "an open descriptor of the cgroup, or of another target",
    ),
}
_XDP: Final = {
    "EOPNOTSUPP": Meaning(
        "The program was loaded, and the interface's driver does not support XDP in this mode.",
        "the generic mode (skb: xdp-loader load -m skb, ip link set … xdpgeneric, XDP_FLAGS_SKB_MODE), or another "
        "driver",
    ),
    "EINVAL": Meaning(
        "The program was loaded, and the interface's driver did not accept it in the native mode: most often its MTU "
        "is too large for one page, or it has too few queues.",
        'a smaller MTU; or SEC("xdp.frags") where the driver supports it; or the generic mode (skb)',
    ),
    "ERANGE": Meaning(
        "The program was loaded, and the interface's MTU is too large for XDP in the native mode.",
        'a smaller MTU; or SEC("xdp.frags") where the driver supports it; or the generic mode (skb)',
    ),
    "EBUSY": Meaning(
        "The program was loaded, and another XDP program is attached to this interface already.",
        "the other one detached first (ip link set dev … xdp off), or libxdp's dispatcher for several",
    ),
    "EPERM": _RIGHTS,
}
_BTF: Final = (
    "a kernel with CONFIG_DEBUG_INFO_BTF=y (it has the file /sys/kernel/btf/vmlinux), the types of this kernel from "
    "elsewhere (BTFHub, btf_custom_path), or no CO-RE; and a current loader"
)

ROWS: Final = (
    # ---- rights and limits
    _row(
        r"try raising 'ulimit -l'",
        "The limit of locked memory (RLIMIT_MEMLOCK) is too small: before 5.11 maps and programs count as such memory.",
        "a larger limit before loading: ulimit -l unlimited, LimitMEMLOCK=infinity in the service, or setrlimit()",
    ),
    _row(r"MEMLOCK may be too low|[Nn]eed super-?user privileges to run", _RIGHTS.what, _RIGHTS.needed),
    _row(
        r"Lockdown: (?P<name>.{1,60}?): (?P<more>.{1,60}) is restricted; see man kernel_lockdown",
        "The kernel is locked down, as it is after a secure boot, and does not allow: {more}.",
        "another lockdown mode (/sys/kernel/security/lockdown: none, or integrity for programs that read the kernel's "
        "memory), for example without secure boot",
    ),
    _row(
        r"bpf_object__probe_loading\(\)|[Cc]ouldn't load trivial BPF program",
        "Before the program libbpf loads a trivial one, and the kernel refused even that. The program itself is not at "
        "fault.",
        "root or CAP_BPF, a kernel with CONFIG_BPF_SYSCALL, a current libbpf",
        {"EPERM": _RIGHTS},
    ),
    # ---- types
    _row(
        r"Unsupported BTF_KIND:\d+",
        "The types of the running kernel (BTF) have a kind that this loader does not know: it is older than the "
        "kernel.",
        "a newer libbpf in the program that loads",
    ),
    _row(
        r"load BTF for kmod (?P<name>[\w-]{1,60}): ",
        "The types (BTF) of the kernel module {name} cannot be read: they are empty or damaged. The loader reads those "
        "of all modules to adjust the program (CO-RE).",
        "the module built again with BTF, or not loaded; or a loader that leaves such modules out",
    ),
    _row(
        r"failed to find valid kernel BTF|Error loading vmlinux BTF|no BTF found for kernel version|"
        r"kernel BTF is missing|/sys/kernel/btf/vmlinux: no such file",
        "The loader needs the types of the running kernel (BTF), to adjust the program to it (CO-RE) or to find the "
        "function that it is attached to. It found none that it can read: the kernel has none, or the loader is older "
        "than the kernel and does not understand them.",
        _BTF,
    ),
    _row(
        rf"failed to find kernel BTF type ID of {_NAME}(?:: -?\w+)?\s*[*`]{{0,3}}$"
        rf"|(?P<other>[\w/.]{{1,60}}) is not found in vmlinux BTF",
        "The running kernel's types (BTF) have no function, hook or structure {name} that this program is "
        "attached to: it does not exist in this version, is static and was inlined or renamed, or is in a module "
        "without BTF.",
        "a name that bpftool btf dump file /sys/kernel/btf/vmlinux shows (FUNC); or a kprobe on a name of "
        "/proc/kallsyms",
    ),
    _row(
        rf"failed to find BTF for extern {_NAME}(?= \[|:|'|$)",
        "The object uses {name}, which is declared and defined nowhere in it, and has no types for it. There is no C "
        "library for BPF programs: only functions of the program, helpers and kernel functions (kfuncs) can be called.",
        "a definition in the program, a helper, or a macro of bpf_endian.h or bpf_helpers.h (bpf_ntohl() and not "
        "ntohl()); a kfunc declared with __ksym and compiled with -g by a current clang",
    ),
    _row(
        rf"extern (?:\(\w+ ksym\) )?{_NAME}(?: \(strong\))?: (?:not found in kernel|not resolved)",
        "The running kernel does not have {name}, which the program declares as its own symbol (__ksym or __kconfig), "
        "or has no types (BTF) of it. Of variables the types mostly name the per-CPU ones only.",
        "a declaration with __weak and a test of its address, with an if (bpf_ksym_exists()); for a variable's address "
        "alone extern const void NAME __ksym; or a kernel that has it",
    ),
    _row(
        r"failed to perform CO-RE relocations|apply CO-RE relocations: |relo #\d+: (?:target candidate search failed|"
        r"failed to relocate)",
        "The loader could not adjust the program to the running kernel's types (CO-RE): a structure, field or enum "
        "that the program names has none that fits, or its description in the object or the kernel is not understood.",
        "a structure with a name, declared as the kernel has it (vmlinux.h); bpf_core_field_exists() before the use; a "
        "current loader",
    ),
    # ---- the object
    _row(
        r"legacy map definitions in 'maps' section are not supported",
        'The object declares its maps in the old way, struct bpf_map_def in SEC("maps"), which libbpf no longer reads.',
        'struct { __uint(type, …); __uint(max_entries, …); __type(key, …); __type(value, …); } name SEC(".maps"); or '
        "libbpf before 1.0",
    ),
    _row(
        r"BTF is required, but is missing or corrupted",
        "The object has no types (BTF), which the declaration of its maps, CO-RE and others need.",
        "clang with -g (10 or later), and an object that was not stripped of .BTF",
    ),
    # ---- kernels that are too old
    _row(
        r"(?:^|: )(?P<name>[^:]{3,80}) not supported \(requires >= v(?P<more>\d{1,2}\.\d{1,3})\)",
        "The running kernel is too old: {name} came with {more}.",
        "Linux {more} or later, or a program without it",
    ),
    _row(
        r"kernel doesn't support (?P<name>global data|\.rodata)",
        "The running kernel is too old for global variables in BPF programs (5.2).",
        "Linux 5.2 or later; or a map in place of global and static variables",
    ),
    # ---- hooks
    _row(
        r"kprobe_events\)?\"?\)?: No such file",
        "There is no file kprobe_events: the tracing file system is not mounted here, or the kernel was built without "
        "kprobes.",
        "mount -t tracefs nodev /sys/kernel/tracing (in a container: the host's /sys/kernel/debug); CONFIG_KPROBES and "
        "CONFIG_KPROBE_EVENTS",
    ),
    _row(
        rf"(?:to|attach) k(?:ret)?probe b?[`']?(?P<name>{_SYMBOL})|create k(?:ret)?probe '(?P<other>{_SYMBOL})' perf "
        rf"event: No such|[Cc]ould not resolve symbol (?P<symbol>{_SYMBOL})"
        rf"|[Ee]rror attaching probe: '?k(?:ret)?probe:(?P<probe>{_SYMBOL})",
        _NO_FUNCTION.what,
        _NO_FUNCTION.needed,
    ),
    _row(
        r"cannot attach kprobe, probe entry may not exist|is not traceable \(either",
        _NO_FUNCTION.what,
        _NO_FUNCTION.needed,
    ),
    _row(
        r"create k(?:ret)?probe '(?P<name>[\w.+:]{1,100})' perf event",
        "The program was loaded, and the kernel refused a kprobe at {name}.",
        "the name or offset of an instruction that may be probed (not in /sys/kernel/debug/kprobes/blacklist); for "
        "name+0x0 the name alone",
        {"EPERM": _RIGHTS, "EACCES": _RIGHTS},
    ),
    _row(
        r"PERF_EVENT_IOC_SET_BPF\)?: Invalid argument",
        "The program was loaded, and the kernel did not attach it to the event: the program's type does not fit the "
        "event. Tracepoints of system calls take programs since 4.14.",
        "a program of the event's type; a newer kernel; or a kprobe",
    ),
    _row(
        r"does not support XDP in native mode",
        _XDP["EOPNOTSUPP"].what,
        _XDP["EOPNOTSUPP"].needed,
    ),
    _row(
        r"does not support XDP frags",
        "The driver takes packets of several buffers only from programs that support them, and the interface's MTU "
        "needs such.",
        'SEC("xdp.frags"), and a loader (libxdp) that passes this on; or a smaller MTU; or the generic mode (skb)',
    ),
    _row(
        r"(?P<name>\w{1,30}): XDP expects |Kernel error message: (?P<more>.{1,200})",
        "The program was loaded, and the interface's driver refused it with these words.",
        "what the driver asks for (offloads switched off with ethtool -K, another MTU or number of queues); or the "
        "generic mode (skb: ip link set … xdpgeneric, xdp-loader load -m skb)",
    ),
    _row(
        r"[Ee]rror attaching XDP program|[Cc]ouldn't attach XDP program|[Ff]ailed to attach dispatcher",
        "The program was loaded, and could not be attached to the interface.",
        "a driver with XDP, or the generic mode (skb)",
        _XDP,
    ),
    # ---- maps
    _row(
        rf"map {_NAME}: failed to create: |bpf_create_map_xattr\({_NAME.replace('name', 'created')}\):"
        r"|map (?P<other>[\w.]{1,60}): map create: |failed to create map `(?P<probe>\w{1,60})` with code"
        r"|failed to load map `{0,2}(?P<last>[\w.]{1,60})`{0,2}: |ebpf_create_map\(\) failed: "
        r"|Error creating (?:\w{1,20} )?map|could not open bpf map|map create(?: failed)?: ",
        "The map {name} could not be created, and so nothing was loaded.",
        "what the error asks for",
        _MAP,
    ),
    # ---- programs
    _row(
        r"Program +too large \(\d+ insns\), at most \d+ insns",
        f"{_TOO_MUCH.what} The first number is the program's own length: where it is below the second, that is not "
        "what was too much.",
        _TOO_MUCH.needed,
    ),
    _row(
        r"BPF program load failed: |[Ff]ailed to load program|load bpf program failed: |load program: "
        r"|BPF_PROG_LOAD`? (?:syscall )?(?:failed|returned)|Failed to load BPF program|could not load bpf program"
        r"|[Ee]rror loading BPF program|^prog '\S{1,100}': failed to load: |bpf_load_program\(\) err"
        r"|BPF_PROG_LOAD\)",
        "",
        "",
        _LOAD,
    ),
    # ---- hooks, whatever they are
    _row(
        r"failed to (?:auto-)?attach|failed to attach|create link: |attach(?:ing)? probe: ",
        "The program was loaded, and could not be attached.",
        "a target that exists on this machine and takes programs of this type",
        _ATTACH,
    ),
    _row(
        r"Error loading (?:ELF section )?\.?BTF",
        "The kernel did not take the types (BTF) of the object: it is older than the compiler, and does not know all "
        "of their kinds. libbpf goes on without them where they are not needed.",
        "a newer libbpf, which rewrites them for older kernels; what failed is said by a later line, if anything did",
    ),
)
"""The messages, the most particular first."""


def says_why(text: str) -> bool:
    """Whether a line is such a message of a loader."""
    return any(row.shape.search(text) for row in ROWS)
