"""The stages from source to run. Only this package calls them one after the other.

The command line, the worker, the fuzzers and the benchmarks all call this, so that their answers agree.
Every stage raises InputError (or a subclass) with a sentence for the user; a rejection by the verifier is a value.
"""

from __future__ import annotations

from vm.pipeline.beside import Beside, beside, beside_record
from vm.pipeline.contents import contents
from vm.pipeline.counterexample import Counterexample, counterexample, of_walk
from vm.pipeline.counterexample import prepare as prepare_counterexamples
from vm.pipeline.objects import choose, load, load_elf
from vm.pipeline.repair import Repair, repairs
from vm.pipeline.rewritten_listing import rewritten_listing
from vm.pipeline.running import Companion, companions, execute, laid_out
from vm.pipeline.source import (
    KINDS,
    MAX_ELF_BYTES,
    MAX_SOURCE_BYTES,
    BuildOptions,
    Source,
    compile_source,
    start_compiler,
)
from vm.pipeline.translation import Code, code, rewrite, translate, unverified
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

__all__ = [
    "KINDS",
    "Beside",
    "MAX_ELF_BYTES",
    "MAX_EXPLAINED",
    "MAX_SOURCE_BYTES",
    "BuildOptions",
    "Check",
    "Code",
    "Companion",
    "Counterexample",
    "Source",
    "Verdict",
    "beside",
    "beside_record",
    "check",
    "check_object",
    "choose",
    "code",
    "companions",
    "compile_source",
    "contents",
    "counterexample",
    "execute",
    "laid_out",
    "load",
    "load_elf",
    "Repair",
    "of_walk",
    "prepare_counterexamples",
    "remarks_of",
    "repairs",
    "rewrite",
    "rewritten_listing",
    "start_compiler",
    "stored_trace",
    "translate",
    "refused_after",
    "unverified",
    "verify",
    "walk",
]
