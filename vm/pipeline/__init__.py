"""The stages from source to run. Only this package calls the stages one after the other.

The command line, the worker, the fuzzers and the benchmarks all call this, so that their answers agree.
Every stage raises InputError (or a subclass) with a sentence for the user; a rejection by the verifier is a value.

What loads and verifies is imported with the package, the other stages when they are first asked for (LATER). Therefore
no module of the package has the name of something that the package exports.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from vm.pipeline.objects import choose, load, load_elf
from vm.pipeline.source import (
    KINDS,
    MAX_ELF_BYTES,
    MAX_SOURCE_BYTES,
    BuildOptions,
    Source,
    SourceFile,
    compile_source,
    compilers,
    start_compiler,
    usual_compiler,
)
from vm.pipeline.verdicts import (
    MAX_EXPLAINED,
    Check,
    Verdict,
    check,
    check_object,
    refused_after,
    remarks_of,
    stored_trace,
    verify,
    walk,
)

if TYPE_CHECKING:
    from vm.pipeline.comparing import Comparison, Side, compare, compare_one, comparison_fields
    from vm.pipeline.constant_settings import Setting, settable, setting_fields, settings
    from vm.pipeline.counterexamples import Counterexample, counterexample, of_walk
    from vm.pipeline.counterexamples import prepare as prepare_counterexamples
    from vm.pipeline.kernel_matrix import (
        Build,
        Cell,
        Guests,
        builds,
        built,
        guest_folders,
        guests,
        matrix,
        named_compilers,
        prepare_guests,
        saved_guests,
        with_changes,
    )
    from vm.pipeline.kernel_needs import lacking_by_kernel
    from vm.pipeline.kernel_own import EMULATED, Verified, own_cell, verified
    from vm.pipeline.kernel_record import (
        Choice,
        Recording,
        Taken,
        record,
        recorded_structs,
        recording_file,
        recording_of,
        replayed,
        source_of,
        stepped,
    )
    from vm.pipeline.kernel_run import real, workloads
    from vm.pipeline.kernel_setup import Settable, Setup, settable_before
    from vm.pipeline.log_beside import Beside, beside, beside_record
    from vm.pipeline.object_contents import contents
    from vm.pipeline.profiling import Advice, Profiled, advice, profile_fields, profiled
    from vm.pipeline.reduction import Reduced, reduced
    from vm.pipeline.repair import Repair, repaired, repairs
    from vm.pipeline.running import companions, entered_trace, execute, laid_out, with_walks
    from vm.pipeline.translation import Code, code, rewrite, translate, unverified, xlated_bytes
    from vm.pipeline.values import Asked, accesses, facts, value
    from vm.pipeline.xlated_listing import rewritten_listing

LATER: Final = {
    "Advice": ("profiling", "Advice"),
    "Asked": ("values", "Asked"),
    "Beside": ("log_beside", "Beside"),
    "Build": ("kernel_matrix", "Build"),
    "Cell": ("kernel_matrix", "Cell"),
    "Choice": ("kernel_record", "Choice"),
    "Code": ("translation", "Code"),
    "Comparison": ("comparing", "Comparison"),
    "Counterexample": ("counterexamples", "Counterexample"),
    "EMULATED": ("kernel_own", "EMULATED"),
    "Guests": ("kernel_matrix", "Guests"),
    "Profiled": ("profiling", "Profiled"),
    "Recording": ("kernel_record", "Recording"),
    "Reduced": ("reduction", "Reduced"),
    "Repair": ("repair", "Repair"),
    "Setting": ("constant_settings", "Setting"),
    "Settable": ("kernel_setup", "Settable"),
    "Setup": ("kernel_setup", "Setup"),
    "Side": ("comparing", "Side"),
    "Taken": ("kernel_record", "Taken"),
    "Verified": ("kernel_own", "Verified"),
    "accesses": ("values", "accesses"),
    "advice": ("profiling", "advice"),
    "beside": ("log_beside", "beside"),
    "beside_record": ("log_beside", "beside_record"),
    "builds": ("kernel_matrix", "builds"),
    "built": ("kernel_matrix", "built"),
    "code": ("translation", "code"),
    "companions": ("running", "companions"),
    "compare": ("comparing", "compare"),
    "compare_one": ("comparing", "compare_one"),
    "comparison_fields": ("comparing", "comparison_fields"),
    "contents": ("object_contents", "contents"),
    "counterexample": ("counterexamples", "counterexample"),
    "entered_trace": ("running", "entered_trace"),
    "execute": ("running", "execute"),
    "with_walks": ("running", "with_walks"),
    "facts": ("values", "facts"),
    "guest_folders": ("kernel_matrix", "guest_folders"),
    "guests": ("kernel_matrix", "guests"),
    "lacking_by_kernel": ("kernel_needs", "lacking_by_kernel"),
    "laid_out": ("running", "laid_out"),
    "matrix": ("kernel_matrix", "matrix"),
    "named_compilers": ("kernel_matrix", "named_compilers"),
    "of_walk": ("counterexamples", "of_walk"),
    "own_cell": ("kernel_own", "own_cell"),
    "prepare_counterexamples": ("counterexamples", "prepare"),
    "prepare_guests": ("kernel_matrix", "prepare_guests"),
    "profile_fields": ("profiling", "profile_fields"),
    "profiled": ("profiling", "profiled"),
    "real": ("kernel_run", "real"),
    "record": ("kernel_record", "record"),
    "recorded_structs": ("kernel_record", "recorded_structs"),
    "recording_file": ("kernel_record", "recording_file"),
    "recording_of": ("kernel_record", "recording_of"),
    "reduced": ("reduction", "reduced"),
    "repaired": ("repair", "repaired"),
    "repairs": ("repair", "repairs"),
    "replayed": ("kernel_record", "replayed"),
    "rewrite": ("translation", "rewrite"),
    "rewritten_listing": ("xlated_listing", "rewritten_listing"),
    "saved_guests": ("kernel_matrix", "saved_guests"),
    "settable": ("constant_settings", "settable"),
    "settable_before": ("kernel_setup", "settable_before"),
    "setting_fields": ("constant_settings", "setting_fields"),
    "settings": ("constant_settings", "settings"),
    "source_of": ("kernel_record", "source_of"),
    "stepped": ("kernel_record", "stepped"),
    "translate": ("translation", "translate"),
    "unverified": ("translation", "unverified"),
    "value": ("values", "value"),
    "verified": ("kernel_own", "verified"),
    "with_changes": ("kernel_matrix", "with_changes"),
    "workloads": ("kernel_run", "workloads"),
    "xlated_bytes": ("translation", "xlated_bytes"),
}
"""Exported name -> the module that is imported when it is first asked for, and the name there."""

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name not in LATER:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        module, there = LATER[name]
        value = globals()[name] = getattr(import_module(f"{__name__}.{module}"), there)
        return value


__all__ = [
    "EMULATED",
    "KINDS",
    "MAX_ELF_BYTES",
    "MAX_EXPLAINED",
    "MAX_SOURCE_BYTES",
    "Advice",
    "Asked",
    "Beside",
    "Build",
    "BuildOptions",
    "Cell",
    "Check",
    "Choice",
    "Code",
    "Comparison",
    "Counterexample",
    "Guests",
    "Profiled",
    "Recording",
    "Reduced",
    "Repair",
    "Settable",
    "Setting",
    "Setup",
    "Side",
    "Source",
    "SourceFile",
    "Taken",
    "Verdict",
    "Verified",
    "accesses",
    "advice",
    "beside",
    "beside_record",
    "builds",
    "built",
    "check",
    "check_object",
    "choose",
    "code",
    "companions",
    "compare",
    "compare_one",
    "comparison_fields",
    "compile_source",
    "compilers",
    "contents",
    "counterexample",
    "entered_trace",
    "execute",
    "facts",
    "guest_folders",
    "guests",
    "lacking_by_kernel",
    "laid_out",
    "load",
    "load_elf",
    "matrix",
    "named_compilers",
    "of_walk",
    "own_cell",
    "prepare_counterexamples",
    "prepare_guests",
    "profile_fields",
    "profiled",
    "real",
    "record",
    "recorded_structs",
    "recording_file",
    "recording_of",
    "reduced",
    "refused_after",
    "remarks_of",
    "repaired",
    "repairs",
    "replayed",
    "rewrite",
    "rewritten_listing",
    "saved_guests",
    "settable",
    "settable_before",
    "setting_fields",
    "settings",
    "source_of",
    "start_compiler",
    "stepped",
    "stored_trace",
    "translate",
    "unverified",
    "usual_compiler",
    "value",
    "verified",
    "verify",
    "walk",
    "with_walks",
    "with_changes",
    "workloads",
    "xlated_bytes",
]
