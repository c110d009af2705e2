"""Every module of vm/ and playground/ is in a layer of .importlinter, and there are no circles."""

from __future__ import annotations

from configparser import ConfigParser
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[1]
# Django names migrations by number and reads in them which follows which.
WITHOUT_LAYERS = {"playground.migrations"}


def packages() -> dict[str, set[str]]:
    """Package -> names of its modules and packages, of every package that has some."""
    found: dict[str, set[str]] = {}
    for top in ("vm", "playground"):
        for path in sorted((ROOT / top).rglob("*.py")):
            *parents, name = path.relative_to(ROOT).with_suffix("").parts
            if name == "__init__":
                name = parents.pop()
            if parents:
                found.setdefault(".".join(parents), set()).add(name)
    return found


def layers() -> dict[str, list[list[str]]]:
    """Package -> names in each of its layers, the highest first, of contracts that have to name every module."""
    config = ConfigParser()
    config.read(ROOT / ".importlinter")
    found = {}
    for name in config.sections():
        contract = config[name]
        if contract.get("type") == "layers" and contract.getboolean("exhaustive", fallback=False):
            lines = [[each.strip() for each in line.split(":")] for line in contract["layers"].split("\n") if line]
            found.update(dict.fromkeys(contract["containers"].split(), lines))
    return found


def outside(package: str, modules: set[str], listed: dict[str, list[list[str]]]) -> set[str]:
    """The modules of a package that no layer names."""
    return modules - {name for layer in listed.get(package, ()) for name in layer}


def test_every_module_is_in_a_layer() -> None:
    found, listed = packages(), layers()
    assert len(found) > 30
    assert {
        f"{package}.{name}"
        for package, modules in found.items()
        if package not in WITHOUT_LAYERS
        for name in outside(package, modules, listed)
    } == set()


def test_a_module_without_a_layer_is_found() -> None:
    listed = layers()
    assert outside("vm.trace", {"recorder", "new"}, listed) == {"new"}
    assert outside("vm.new", {"recorder"}, listed) == {"recorder"}


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph("vm", "playground", cache_dir=None, exclude_type_checking_imports=True)


def test_no_modules_import_each_other_in_a_circle(graph: grimp.ImportGraph) -> None:
    assert {package: circles for package in packages() if (circles := graph.nominate_cycle_breakers(package))} == {}


def test_a_circle_is_found(graph: grimp.ImportGraph) -> None:
    assert graph.find_modules_directly_imported_by("vm.trace.recorder") >= {"vm.trace.stored"}
    graph.add_import(importer="vm.trace.stored", imported="vm.trace.recorder")
    try:
        assert graph.nominate_cycle_breakers("vm.trace")
    finally:
        graph.remove_import(importer="vm.trace.stored", imported="vm.trace.recorder")
