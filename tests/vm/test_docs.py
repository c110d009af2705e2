"""What the documents promise is what the code says."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCUMENTS = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]
FOLDERS = "vm|playground|static|templates|tests|scripts|tools|fuzz|bench|examples|docs|requirements"
# Words in capitals stand for any name; these are made by the build.
PLACEHOLDER = re.compile(r"/[A-Z]{4,}\b|^static/dist|^vm/\.native")


def not_emulated() -> set[str]:
    """The constant parts of every NotEmulated("…") of the verifier and the loader."""
    found = set()
    for path in [*ROOT.glob("vm/verifier/**/*.py"), *ROOT.glob("vm/trace/*.py"), *ROOT.glob("vm/elf/*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "NotEmulated":
                for part in ast.walk(node.args[0]):
                    if isinstance(part, ast.Constant) and isinstance(part.value, str) and len(part.value) > 3:
                        found.add(part.value.strip(" ,"))
    return found


def test_what_is_not_emulated_is_listed_by_name() -> None:
    listed = (ROOT / "docs" / "kernel.md").read_text()
    said = not_emulated()
    assert said
    assert {words for words in said if words not in listed} == set()


def test_every_document_is_linked() -> None:
    """A page nobody links to is a page nobody keeps true."""
    pages = {p.name for p in (ROOT / "docs").glob("*.md")}
    text = (ROOT / "README.md").read_text() + "".join(p.read_text() for p in (ROOT / "docs").glob("*.md"))
    assert {page for page in pages if page not in text.replace(f"# {page}", "")} == set()


def test_every_file_a_document_names_exists() -> None:
    named = {
        (document.name, path)
        for document in DOCUMENTS
        for path in re.findall(rf"`((?:{FOLDERS})/[\w./-]*)", document.read_text())
        if not PLACEHOLDER.search(path)
    }
    assert len(named) > 150
    assert {(name, path) for name, path in named if not (ROOT / path).exists()} == set()


def test_every_link_of_a_document_leads_somewhere() -> None:
    broken = set()
    for document in DOCUMENTS:
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", document.read_text()):
            if not target.startswith("https://") and not (document.parent / target).exists():
                broken.add((document.name, target))
    assert broken == set()
