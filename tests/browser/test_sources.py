"""What holds for the page's sources: types, no markup from text, no inline script or style, no download addresses."""

from __future__ import annotations

import json
import re

from tests.browser.conftest import ROOT

SOURCES = sorted((ROOT / "static" / "src").rglob("*.js"))
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
MARKUP = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|createContextualFragment|\beval\("
)
INLINE = re.compile(
    r"<style|\sstyle=|\son\w+=|javascript:|<script(?![^>]*\ssrc=)|\|\s*safe|autoescape off", re.IGNORECASE
)


def test_no_source_makes_markup_from_text() -> None:
    assert SOURCES
    assert [str(path) for path in SOURCES if MARKUP.search(path.read_text())] == []


def test_no_template_has_inline_script_or_style() -> None:
    assert TEMPLATES
    # A run that is saved as one file can load nothing: there, and only there, everything is in the page.
    files = re.compile(r"\{% if inline %\}.*?\{% else %\}", re.DOTALL)
    assert [str(path) for path in TEMPLATES if INLINE.search(files.sub("", path.read_text()))] == []


def test_the_lock_file_names_no_addresses_and_every_version_is_exact() -> None:
    lock = json.loads((ROOT / "package-lock.json").read_text())
    assert [name for name, package in lock["packages"].items() if "resolved" in package] == []
    asked = json.loads((ROOT / "package.json").read_text())
    versions = {**asked["dependencies"], **asked["devDependencies"]}
    assert [name for name, version in versions.items() if not re.fullmatch(r"\d+\.\d+\.\d+", version)] == []


TERM = re.compile(r"""\bterm\("([^"]+)"|data-term", [^"]*"([^"]+)\"""")


def test_every_term_of_the_page_is_in_the_glossary() -> None:
    used = {first or second for path in SOURCES for first, second in TERM.findall(path.read_text())}
    assert used >= {"path", "processed", "step", "slot", "bits", "fp"}
    rows = (ROOT / "docs" / "glossary.md").read_text()
    assert [name for name in used if not re.search(rf"^\|[^|]*\b{name}\b[^|]*\|", rows, re.MULTILINE)] == []


def test_no_source_names_a_release_of_the_kernel() -> None:
    """Which kernel is emulated is told by the server."""
    found = [str(path) for path in [*SOURCES, *TEMPLATES] if re.search(r"\b6\.12\b", path.read_text())]
    assert found == []
