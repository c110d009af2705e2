"""hooks.json: kfuncs, sets of BTF ids, iterators, raw tracepoints, map structs, struct_ops.

Sets of BTF ids are data in the image. Which program types may call the kfuncs of a set is what
the kernel's initcalls register; the constants they pass are read from the instructions before
each call. Types are written by name, as everything here is looked up by name.
"""

from __future__ import annotations

import json
import struct

from scripts.facts.calls import Calls
from scripts.facts.kernel import Kernel
from scripts.facts.kfuncs import destructors, kfunc_sets
from scripts.facts.struct_ops import struct_ops

ID_SETS = (
    "rcu_protected_types",
    "special_kfunc_set",
    "btf_non_sleepable_error_inject",
    "btf_id_deny",
    "noreturn_deny",
    "bpf_lsm_hooks",
    "bpf_lsm_disabled_hooks",
    "bpf_lsm_current_hooks",
    "bpf_lsm_locked_sockopt_hooks",
    "bpf_lsm_unlocked_sockopt_hooks",
    "sleepable_lsm_hooks",
    "untrusted_lsm_hooks",
    "bool_lsm_hooks",
    "btf_allowlist_d_path",
)


def iterators(kernel: Kernel, calls: Calls) -> dict[str, dict[str, object]]:
    """Iterator targets: what their programs' context holds beside the meta data."""
    image, btf = kernel.image, kernel.btf
    out: dict[str, dict[str, object]] = {}
    args_at, size = btf.offset_of("bpf_iter_reg", "ctx_arg_info"), btf.struct("bpf_ctx_arg_aux").size
    for reg, _, _ in calls.of("bpf_iter_reg_target"):
        if reg is None:
            kernel.note("not understood: a call of bpf_iter_reg_target")
            continue
        raw = image.read(reg, btf.struct("bpf_iter_reg").size)
        (name,) = struct.unpack_from("<Q", raw)
        count, feature = struct.unpack_from("<2I", raw, btf.offset_of("bpf_iter_reg", "ctx_arg_info_size"))
        infos = [struct.unpack_from("<2I", raw, args_at + size * i) for i in range(count)]
        out[image.text_at(name)] = {"feature": feature, "args": [list(i) for i in infos]}
    return dict(sorted(out.items()))


def raw_tracepoints(kernel: Kernel) -> dict[str, list[int]]:
    """Tracepoint -> number of arguments and bytes of its writable first one (struct bpf_raw_event_map)."""
    image, btf = kernel.image, kernel.btf
    start, stop = (image.by_name[f"__{edge}__bpf_raw_tp"].address for edge in ("start", "stop"))
    size = btf.struct("bpf_raw_event_map").size
    out = {}
    for at in range(start, stop, size):
        tracepoint, _func, args, writable = struct.unpack("<QQII", image.read(at, 24))
        (name,) = struct.unpack("<Q", image.read(tracepoint, 8))
        out[image.text_at(name)] = [args, writable]
    return dict(sorted(out.items()))


def map_types(kernel: Kernel) -> dict[str, str]:
    """Number of a map type -> the kernel's struct of such maps, which tracing programs may read."""
    image, btf = kernel.image, kernel.btf
    table = image.by_name["bpf_map_types"].address
    at = btf.offset_of("bpf_map_ops", "map_btf_id")
    out = {}
    for number in range(1, kernel.enum("bpf_map_type")["__MAX_BPF_MAP_TYPE"]):
        (ops,) = struct.unpack("<Q", image.read(table + 8 * number, 8))
        if not image.by_address.get(ops) or not any(n.endswith("_ops") for n in image.by_address[ops]):
            continue
        (pointer,) = struct.unpack("<Q", image.read(ops + at, 8))
        if pointer:
            (btf_id,) = struct.unpack("<I", image.read(pointer, 4))
            out[str(number)] = btf.type(btf_id).name
    return out


def id_sets(kernel: Kernel) -> dict[str, list[str]]:
    """BTF_SET -> names of what it holds."""
    out = {}
    ids_at = kernel.image.sections[".BTF_ids"]
    inside = {s.name: s for s in kernel.image.symbols if ids_at.address <= s.address < ids_at.address + ids_at.size}
    for name in ID_SETS:
        symbol = inside.get(name)
        if symbol is None:
            kernel.note(f"no set {name} in this kernel")
            continue
        (count,) = struct.unpack("<I", kernel.image.read(symbol.address, 4))
        ids = struct.unpack(f"<{count}I", kernel.image.read(symbol.address + 4, 4 * count))
        out[name] = sorted(kernel.btf.type(i).name for i in ids if i)
    return out


def hooks(kernel: Kernel) -> str:
    """Content of hooks.json."""
    calls = Calls(kernel.image)
    kfuncs, sets = kfunc_sets(kernel, calls)
    out = {
        "source": kernel.image.banner,
        "kfuncs": dict(sorted(kfuncs.items())),
        "kfunc_sets": sets,
        "destructors": destructors(kernel),
        "id_sets": id_sets(kernel),
        "iterators": iterators(kernel, calls),
        "raw_tracepoints": raw_tracepoints(kernel),
        "map_types": map_types(kernel),
        "struct_ops": struct_ops(kernel, calls),
    }
    return "{\n" + ",\n".join(f' "{key}": {_lines(value)}' for key, value in out.items()) + "\n}\n"


def _lines(value: object) -> str:
    """JSON with one entry a line."""
    if isinstance(value, dict):
        return "{\n" + ",\n".join(f"  {json.dumps(k)}: {json.dumps(v)}" for k, v in value.items()) + "\n }"
    if isinstance(value, list):
        return "[\n" + ",\n".join(f"  {json.dumps(v)}" for v in value) + "\n ]"
    return json.dumps(value)
