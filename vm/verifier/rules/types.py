"""Program Structure: BTF, and the maps, functions and symbols that a program names."""

from __future__ import annotations

from typing import Final

from vm.kernel.errno import EBADF, EEXIST, EINVAL, ENOENT, EPROTO
from vm.verifier.rules.rule import STRUCTURE, By, Group, Topic

_BTF: Final = Group(STRUCTURE, "BTF that fits the program: a record for each function, in order", Topic.PROGRAM)
FUNC_INFO_COUNT: Final = _BTF.rule(
    "func-info-count", EINVAL, "number of funcs in func_info doesn't match number of subprogs\n"
)
LINE_INFO_MISSING_FUNCTIONS: Final = _BTF.rule(
    "line-info-missing-functions", EINVAL, "missing bpf_line_info for {count} funcs starting from func#{func}\n"
)
LD_ABS_WITHOUT_BTF: Final = _BTF.rule(
    "ld-abs-without-btf", EINVAL, "LD_ABS is not allowed in subprogs without BTF\n", topic=Topic.VALUE
)
TAIL_CALL_WITHOUT_BTF: Final = _BTF.rule(
    "tail-call-without-btf", EINVAL, "tail_call is not allowed in subprogs without BTF\n", topic=Topic.VALUE
)
FUNC_INFO_TYPE: Final = _BTF.rule("func-info-type", EINVAL, "invalid type id {type_id} in func info")
FUNC_INFO_LAYOUT: Final = _BTF.rule(
    "func-info-layout", EINVAL, "func_info BTF section doesn't match subprog layout in BPF program\n"
)
LD_ABS_RETURN_TYPE: Final = _BTF.rule(
    "ld-abs-return-type", EINVAL, "LD_ABS is only allowed in functions that return 'int'.\n", topic=Topic.VALUE
)
TAIL_CALL_RETURN_TYPE: Final = _BTF.rule(
    "tail-call-return-type", EINVAL, "tail_call is only allowed in functions that return 'int'.\n", topic=Topic.VALUE
)
LINE_INFO_ORDER: Final = _BTF.rule(
    "line-info-order", EINVAL, "Invalid line_info[{i}].insn_off:{off} (prev_offset:{previous} prog->len:{count})\n"
)
LINE_INFO_INSTRUCTION: Final = _BTF.rule(
    "line-info-instruction", EINVAL, "Invalid insn code at line_info[{i}].insn_off\n"
)
FUNC_INFO_FIRST: Final = _BTF.rule("func-info-first", EINVAL, "nonzero insn_off {off} for the first func info record")
FUNC_INFO_ORDER: Final = _BTF.rule(
    "func-info-order", EINVAL, "same or smaller insn offset ({off}) than previous func info record ({previous})"
)
LINE_INFO_MISSING: Final = _BTF.rule("line-info-missing", EINVAL, "missing bpf_line_info for func#{func}\n")

_MAP: Final = Group(STRUCTURE, "a map, function or symbol that exists")
KFUNC_NOT_A_FUNCTION: Final = _MAP.rule("kfunc-not-a-function", EINVAL, "kernel btf_id {btf_id} is not a function\n")
KFUNC_WITHOUT_ADDRESS: Final = _MAP.rule(
    "kfunc-without-address", EINVAL, "cannot find address for kernel function {func}\n"
)
MODULE_BTF_FD: Final = _MAP.rule("module-btf-fd", EINVAL, "invalid module BTF object FD specified.\n")
KSYM_BTF_ID: Final = _MAP.rule("ksym-btf-id", ENOENT, "ldimm64 insn specifies invalid btf_id {btf_id}.\n")
KSYM_KIND: Final = _MAP.rule("ksym-kind", EINVAL, "pseudo btf_id {btf_id} in ldimm64 isn't KIND_VAR or KIND_FUNC\n")
KSYM_WITHOUT_ADDRESS: Final = _MAP.rule(
    "ksym-without-address", ENOENT, "ldimm64 failed to find the address for kernel symbol '{symbol}'.\n"
)
KSYM_SIZE: Final = _MAP.rule("ksym-size", EINVAL, "ldimm64 unable to resolve the size of type '{symbol}': -22\n")
KFUNC_OFFSET_NEGATIVE: Final = _MAP.rule(
    "kfunc-offset-negative",
    EINVAL,
    "negative offset disallowed for kernel module function call\nfailed to find BTF for kernel function\n",
)
KFUNC_MODULE_WITHOUT_ARRAY: Final = _MAP.rule(
    "kfunc-module-without-array",
    EPROTO,
    "kfunc offset > 0 without fd_array is invalid\nfailed to find BTF for kernel function\n",
)
MAP_FD: Final = _MAP.rule("map-fd", EBADF, "fd {fd} is not pointing to valid bpf_map\n", also=(EINVAL,))

_ONE_EXCEPTION_CALLBACK: Final = Group(
    STRUCTURE, "one exception callback, a global function of this program", Topic.PROGRAM
)
EXCEPTION_CALLBACK_TWICE: Final = _ONE_EXCEPTION_CALLBACK.rule(
    "exception-callback-twice", EEXIST, "multiple exception callback tags for main subprog\n"
)
EXCEPTION_CALLBACK_MISSING: Final = _ONE_EXCEPTION_CALLBACK.rule(
    "exception-callback-missing", ENOENT, "exception callback '{name}' could not be found in BTF\n"
)
EXCEPTION_CALLBACK_LINKAGE: Final = _ONE_EXCEPTION_CALLBACK.rule(
    "exception-callback-linkage", EINVAL, "exception callback '{name}' must have global linkage\n"
)
EXCEPTION_CALLBACK_NOT_IN_FUNC_INFO: Final = _ONE_EXCEPTION_CALLBACK.rule(
    "exception-callback-not-in-func-info", EINVAL, "exception callback type id not found in func_info\n"
)
EXCEPTION_CALLBACK_OFFSET: Final = _ONE_EXCEPTION_CALLBACK.rule(
    "exception-callback-offset", EINVAL, "invalid exception callback insn_off in func_info: 0\n"
)

_CODE: Final = Group(
    STRUCTURE,
    "code that the kernel can rewrite once it is verified: fields of the context as a whole, functions that exist",
)
KFUNC_NOT_ELIMINATED: Final = _CODE.rule(
    "kfunc-not-eliminated", EINVAL, "invalid kernel function call not eliminated in verifier pass\n"
)

_TYPE: Final = Group(
    STRUCTURE,
    "a type, field or value that the running kernel has: ask with bpf_core_field_exists() or its kin first",
    Topic.PROGRAM,
    by=By.LIBBPF,
)
CORE_RELOCATION_UNRESOLVED: Final = _TYPE.rule(
    "core-relocation-unresolved", EINVAL, "failed to resolve CO-RE relocation {name}"
)

_KERNEL_FUNCTION: Final = Group(STRUCTURE, "a map, function or symbol that exists", Topic.PROGRAM, by=By.LIBBPF)
KFUNC_UNRESOLVED: Final = _KERNEL_FUNCTION.rule(
    "kfunc-unresolved", EINVAL, "kfunc '{name}' is referenced but wasn't resolved"
)
