"""python -m scripts.gallery: writes gallery/index.json.

    python -m scripts.gallery                  what changed since the last time; `make gallery`
    python -m scripts.gallery --all            every program again, the real kernels included
    python -m scripts.gallery --missing        the rules without text or programs, the most frequent first
    python -m scripts.gallery --try RULE ...   what the verifier and the kernels say of these programs; writes nothing

Programs whose text changed are given to Linux 6.12 and 7.3 if they are there (docs/gallery.md); otherwise what those
kernels said earlier, in gallery/recorded/, is kept. Exit status 1 if a page is wrong: a program refused for
another reason than its rule, a corrected program that is refused, a kernel that does not agree.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence

from scripts.gallery import index
from scripts.gallery.content import GalleryError, Page, Sample, pages
from scripts.gallery.kernels import VERSIONS, Asked, ask, available, keep, recorded
from scripts.gallery.ours import Built, Said, agree, build, say


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--missing", action="store_true")
    parser.add_argument("--try", dest="rules", nargs="+", metavar="RULE", default=[])
    parser.add_argument("--no-kernel", action="store_true", help="ask no real kernel")
    options = parser.parse_args()
    try:
        found = pages()
        if options.missing:
            return missing(found)
        if options.rules:
            return attempt([page for page in found if page.rule.name in options.rules], not options.no_kernel)
        return generate(found, everything=options.all, kernels=not options.no_kernel)
    except GalleryError as error:
        print(error, file=sys.stderr)
        return 2


def missing(found: Sequence[Page]) -> int:
    """One line a rule that lacks something: its table, name, what it lacks, message."""
    from vm.verifier.rules.catalogue import TABLES

    tables = {id(value): table.__name__.rpartition(".")[2] for table in TABLES for value in vars(table).values()}
    left = [page for page in found if not page.complete]
    print(f"{len(left)} of {len(found)} rules", file=sys.stderr)
    for page in left:
        lacks = [] if page.text else ["text"]
        if not page.no_program:
            lacks += [name for name, have in (("program", page.program), ("fixed", page.fixed)) if not have]
        said = page.rule.message.strip().replace("\n", " / ")
        print(f"{tables[id(page.rule)]:12} {page.rule.name:40} {page.slug:26} {'+'.join(lacks):20} {said}")
    return 0


def samples(found: Iterable[Page]) -> list[Sample]:
    return [sample for page in found for sample in (page.program, page.fixed) if sample]


def attempt(found: Sequence[Page], kernels: bool) -> int:
    """Prints what everybody says of these rules' programs. The status is that of wrong pages."""
    built = {sample.path: build(sample) for sample in samples(found)}
    ours = {sample.path: say(sample, built[sample.path]) for sample in samples(found)}
    answers = {}
    for version in VERSIONS:
        asked = [Asked(sample, built[sample.path]) for sample in samples(found)]
        answers[version] = ask(version, asked) if kernels and available(version) else {}
    for page in found:
        for sample in samples([page]):
            said = ours[sample.path]
            print(f"== {sample.path}: {said.verdict} {said.errno} {said.rule} {said.message}")
            print("\n".join(said.log.splitlines()[-12:]))
            for version, answer in answers.items():
                if sample.path in answer:
                    kernel = answer[sample.path]
                    print(f"-- Linux {version}: {kernel.verdict} {kernel.errno} {kernel.message}")
                    if not agree(said, kernel, sample.kind):
                        print("\n".join(kernel.log.splitlines()[-40:]))
    return report(wrong(page, ours, answers) for page in found)


def generate(found: Sequence[Page], *, everything: bool, kernels: bool) -> int:
    """Writes the recordings and the index."""
    before = {} if everything else index.read()
    built: dict[str, Built] = {}
    ours: dict[str, Said] = {}
    for page in found:
        old = before.get(page.rule.name, {})
        for sample, key in ((page.program, "program"), (page.fixed, "fixed")):
            if sample is None:
                continue
            kept = _kept(old, key, sample)
            if kept is None:
                built[sample.path] = build(sample)
                kept = say(sample, built[sample.path])
            ours[sample.path] = kept
    answers = {version: _answers(version, samples(found), built, everything, kernels) for version in VERSIONS}
    index.write([index.entry(page, ours, answers) for page in found])
    print(f"{sum(page.complete for page in found)} of {len(found)} pages are complete")
    return report(wrong(page, ours, answers) for page in found)


def _kept(old: dict[str, object], key: str, sample: Sample) -> Said | None:
    """What was said of a program that has not changed."""
    known = old.get(key)
    if not isinstance(known, dict) or known["digest"] != sample.digest or known["path"] != sample.path:
        return None
    if key == "fixed":
        return Said(str(old["fixed_ours"]), 0, "")
    said = old["ours"]
    return Said(**said) if isinstance(said, dict) else None


def _answers(
    version: str, wanted: Sequence[Sample], built: dict[str, Built], everything: bool, kernels: bool
) -> dict[str, Said]:
    """What that kernel says of the programs as they are now; asks it about those that changed and records it."""
    known = recorded(version)
    digests = {sample.path: sample.digest for sample in wanted}
    kept = {path: value for path, value in known.items() if digests.get(path) == value[0]}
    if kernels and available(version):
        new = [sample for sample in wanted if everything or sample.path not in kept]
        asked = [Asked(sample, built.get(sample.path) or build(sample)) for sample in new]
        if asked:
            print(f"asking Linux {version} about {len(asked)} programs")
            kept |= {path: (digests[path], said) for path, said in ask(version, asked).items()}
    keep(version, kept)
    return {path: said for path, (_, said) in kept.items()}


def wrong(page: Page, ours: index.Answers, answers: dict[str, dict[str, Said]]) -> Iterable[str]:
    """What is not as a page promises."""
    name = page.rule.name
    kernel = answers[VERSIONS[0]]
    if page.program:
        said, real = ours[page.program.path], kernel.get(page.program.path)
        if said.rule != name:
            yield f"{page.program.path}: {said.verdict} {said.rule or said.message}, not {name}"
        if real and not page.kernel and not agree(said, real, page.program.kind):
            yield f"{page.program.path}: Linux {VERSIONS[0]} says something else"
    if page.fixed:
        said, real = ours[page.fixed.path], kernel.get(page.fixed.path)
        if said.verdict != "accept":
            yield f"{page.fixed.path}: {said.verdict} {said.rule} {said.message}"
        if real and real.verdict != "accept":
            yield f"{page.fixed.path}: Linux {VERSIONS[0]} refuses it"


def report(groups: Iterable[Iterable[str]]) -> int:
    """Prints what is wrong; the exit status."""
    lines = [line for group in groups for line in group]
    for line in lines:
        print(line, file=sys.stderr)
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
