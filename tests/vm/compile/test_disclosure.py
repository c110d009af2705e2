"""No source gets bytes of the server's files, nor learns which exist. (docs/sandbox.md says what stops which.)"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vm.compile import compile_c
from vm.compile.canary import SOURCES

SECRET = "top_secret_word"
WELL = '__attribute__((section("xdp"), used)) int prog(void *ctx)\n{\n    return 2;\n}\n'

MORE = {
    "#include_next": '#include_next "@"\n',
    "#include, trigraph": '??=include "@"\n',
    "#include, spliced": '#inc\\\nlude "@"\n',
    "#include, angled": "#include <@>\n",
    "#include, macro": '#define P "@"\n#include P\n',
    "#include, dot dot through a header directory": '#include "bpf/../../../../../../../../..@"\n',
    "#embed, limited": 'const char s[] = {\n#embed "@" limit(64)\n};\n' + WELL,
    "#embed, angled": "const char s[] = {\n#embed <@>\n};\n" + WELL,
    "linemarker": '# 1 "@" 1\n' + WELL,
    "#line, once a function": WELL + '#line 2 "@"\n' + WELL.replace("prog", "two"),
    ".incbin in a function": WELL.replace("return 2", '__asm__ volatile(".incbin \\"@\\""); return 2'),
    ".include, relative": '__asm__(".include \\"../../../../../../../..@\\"\\n");\n' + WELL,
    ".file": '__asm__(".file 1 \\"@\\"\\n.loc 1 1\\n");\n' + WELL,
    "module map": '#pragma clang module import "@"\n' + WELL,
    "__FILE_NAME__ and __BASE_FILE__": 'const char s[] = __BASE_FILE__ __FILE__ __FILE_NAME__ "@" + 0;\n' + WELL,
    "dependency": '#pragma GCC dependency "@"\n' + WELL,
    "include_alias": '#pragma include_alias("a.h", "@")\n#include "a.h"\n' + WELL,
    "pch": '#pragma GCC pch_preprocess "@"\n' + WELL,
    "environment": '#include "/proc/self/environ"\n' + WELL,
    "working directory": '#include "/proc/self/cwd/program.c"\n' + WELL,
    "descriptor": '#include "/dev/fd/0"\n' + WELL,
}
ALL = {**SOURCES, **MORE}


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret.h"
    path.write_text(f"{SECRET}_1 (\n{SECRET}_2 (\n{SECRET}_3\n" * 3)
    path.chmod(0o644)
    return path


@pytest.mark.parametrize("name", ALL)
def test_nothing_of_a_file_comes_back(name: str, secret: Path) -> None:
    source = ALL[name].replace("@", str(secret))
    there = compile_c(source)
    said = "\n".join(d.message for d in there.diagnostics)
    assert SECRET not in said
    assert SECRET.encode() not in (there.object or b"")
    secret.unlink()
    gone = compile_c(source)
    assert (gone.ok, gone.diagnostics, gone.object) == (there.ok, there.diagnostics, there.object)


@pytest.mark.parametrize("directive", ['#line 2 "@"', '# 2 "@"'])
def test_own_lines_stay_in_btf(directive: str, secret: Path) -> None:
    done = compile_c(directive.replace("@", str(secret)) + "\n" + WELL)
    assert done.object is not None
    assert b"return 2;" in done.object


def test_the_environment_is_empty() -> None:
    os.environ["BPFSCOPE_TEST_SECRET"] = SECRET
    try:
        done = compile_c('const char s[] = {\n#embed "/proc/self/environ"\n};\n' + WELL)
    finally:
        del os.environ["BPFSCOPE_TEST_SECRET"]
    assert SECRET.encode() not in (done.object or b"")
    assert not done.ok


@pytest.mark.parametrize("name", ALL)
def test_no_place_on_this_machine_is_told(name: str) -> None:
    done = compile_c(ALL[name].replace("@", "x/y"))
    text = "\n".join(d.message for d in done.diagnostics) + (done.object or b"").decode("latin-1")
    for word in ("ziglang", "site-packages", "bpfscope-", "/job-", str(Path.home())):
        assert word not in text
