"""Sources as people copy them: what is said of them, and that one change of the source settles it."""

from __future__ import annotations

import html
from collections.abc import Callable

import pytest

from vm.compile import CompileOptions, compile_c, providers
from vm.csource.pasted import pasted_fix
from vm.csource.text import CText, apply

PLAIN = """\
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int f(struct xdp_md *ctx) {
    return ctx->data_end > ctx->data ? XDP_PASS : XDP_DROP;
}

char LICENSE[] SEC("license") = "GPL";
"""


def each(wrap: Callable[[int, str], str]) -> str:
    return "".join(wrap(number, line) + "\n" for number, line in enumerate(PLAIN.splitlines(), 1))


COPIED = {
    "a block of Markdown": f"```c\n{PLAIN}```\n",
    "a question with a block": f"Hi,\n\n~~~\n{PLAIN}~~~\nWhat's wrong with it?\n",
    "a block without its beginning": f"{PLAIN}```\nWhat's wrong?\n",
    "cat -n": each(lambda n, line: f"{n:6}\t{line}"),
    "numbers with colons": each(lambda n, line: f"{n}: {line}"),
    "numbers in a column": each(lambda n, line: f"{n:>3} | {line}".rstrip()),
    "a mail": each(lambda n, line: f"> {line}".rstrip()),
    "a patch": each(lambda n, line: f"+{line}"),
    "HTML": html.escape(PLAIN),
    "a word processor": PLAIN.replace('"xdp"', "“xdp”").replace('"', "”").replace("    ", "\u00a0\u00a0"),
    "HTML with numbers": each(lambda n, line: f"{n} {html.escape(line)}".rstrip()),
}


@pytest.mark.parametrize("name", COPIED)
def test_a_source_that_was_copied_with_something(name: str) -> None:
    done = compile_c(COPIED[name])
    assert not done.ok
    (remark,) = done.remarks
    assert remark.fix is not None and remark.line is not None
    fixed = apply(COPIED[name], remark.fix)
    assert fixed.replace("\u00a0", " ").split() == PLAIN.split()
    again = compile_c(fixed)
    assert again.ok and again.remarks == ()


@pytest.mark.parametrize(
    "source", [PLAIN, "int a[] = {\n1,\n2,\n3\n};\n", "1\n2\n3\n", "", "/* “it” */ int x;\n", "a > b\n> c\n"]
)
def test_c_is_left_alone(source: str) -> None:
    found = pasted_fix(CText(source))
    assert found is None or source == "1\n2\n3\n"


USER = """\
// hello.c
#include <stdio.h>
#include <bpf/libbpf.h>
#include "hello.skel.h"

int main(int argc, char **argv)
{
	return !hello_bpf__open_and_load();
}
"""


@pytest.mark.parametrize("source", [f"{PLAIN}\n{USER}", f"{USER}\n{PLAIN}"], ids=["behind", "before"])
def test_the_program_for_user_space_in_the_same_text(source: str) -> None:
    done = compile_c(source)
    (remark,) = done.remarks
    assert not done.ok and remark.fix is not None and "user space" in remark.message
    fixed = apply(source, remark.fix)
    assert fixed.strip() == PLAIN.strip()


FIX = CompileOptions(fix_includes=True)
HEAD = "#include <linux/bpf.h>\n#include <bpf/bpf_helpers.h>\n"
TAIL = 'char LICENSE[] SEC("license") = "GPL";\n'


def body(text: str) -> str:
    start = 'SEC("kprobe/x")\nint f(void *ctx)\n{\n\tchar a[16] = "x";\n\tint pid = 3;\n\t'
    return f"{HEAD}{start}{text}\n\treturn 0;\n}}\n{TAIL}"


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ('bpf_trace_printk("hello\\n");', 'bpf_printk("hello\\n");'),
        ('bpf_trace_printk("%s %d %d %d\\n", a, 1, 2, 3);', 'bpf_printk("%s %d %d %d\\n", a, 1, 2, 3);'),
        ('bpf_trace_printk("pid %d\\n", pid);', 'bpf_printk("pid %d\\n", pid);'),
        ('if (strcmp(a, "abc") == 0) bpf_printk("y");', 'if (bpf_strncmp(a, sizeof("abc"), "abc") == 0)'),
        ('if (!strncmp("abc", a, 3)) bpf_printk("y");', 'if (!bpf_strncmp(a, 3, "abc"))'),
    ],
)
def test_calls_for_another_environment(text: str, want: str) -> None:
    (remark,) = compile_c(body(text)).remarks
    assert remark.fix is not None and remark.line == 8
    fixed = apply(body(text), remark.fix)
    assert want in fixed
    done = compile_c(fixed)
    assert done.ok and done.remarks == (), done.diagnostics


def test_calls_that_are_right_are_left_alone() -> None:
    text = 'char fmt[] = "x %d"; bpf_trace_printk(fmt, sizeof(fmt), pid); bpf_trace_printk("x", 2);'
    assert compile_c(body(text)).remarks == ()


@pytest.mark.parametrize(("context", "section"), [("xdp_md", "xdp"), ("__sk_buff", "tc"), ("bpf_sock_ops", "sockops")])
def test_a_function_without_a_section(context: str, section: str) -> None:
    source = f"{HEAD}int f(struct {context} *ctx)\n{{\n\treturn 1;\n}}\n{TAIL}"
    (remark,) = compile_c(source).remarks
    assert remark.fix is not None and remark.line == 3
    fixed = apply(source, remark.fix)
    assert f'SEC("{section}")\nint f(' in fixed and compile_c(fixed).remarks == ()
    other = source.replace(context, "my_context")
    assert compile_c(other).remarks == ()


def test_headers_from_inside_the_kernel() -> None:
    source = (
        "#include <uapi/linux/ptrace.h>\n#include <linux/skbuff.h>\n#include <linux/version.h>\n"
        '#include <net/sock.h>\n#include "bpf_helpers.h"\n'
        'SEC("kprobe/x") int f(struct sk_buff *skb) { return LINUX_VERSION_CODE > sizeof(*skb); }\n' + TAIL
    )
    remark = compile_c(source).remarks[0]
    assert remark.fix is not None and remark.line == 2
    fixed = apply(source, remark.fix)
    assert fixed.startswith('#include "vmlinux.h"\n#include <linux/version.h>\n#include "bpf_helpers.h"\n')
    assert compile_c(fixed).ok


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("if (unlikely(pid > 2)) return 1;", "#define unlikely(x) __builtin_expect(!!(x), 0)"),
        ("if (pid == TCP_CLOSE_WAIT) return 1;", "enum { TCP_CLOSE_WAIT = 8 };"),
        ("for (int i = 0; i < ARRAY_SIZE(a); i++) pid++;", "#define ARRAY_SIZE(x) (sizeof(x) / sizeof((x)[0]))"),
    ],
)
def test_macros_and_constants_of_the_kernel(text: str, line: str) -> None:
    (remark,) = compile_c(body(text)).remarks
    assert remark.fix is not None
    fixed = apply(body(text), remark.fix)
    assert line in fixed
    assert compile_c(fixed).ok


def test_cilium_s_section_macro() -> None:
    source = '#include <linux/bpf.h>\n__section("tc")\nint f(struct __sk_buff *skb)\n{\n\treturn 0;\n}\n'
    (remark,) = compile_c(source).remarks
    assert remark.fix is not None
    fixed = apply(source, remark.fix)
    assert "#define __section(x)" in fixed and compile_c(fixed).ok


def test_nothing_is_missing_from_a_source_that_was_copied_with_something() -> None:
    for source in (COPIED["HTML"], f"{PLAIN}\n{USER}"):
        done = compile_c(source)
        assert (done.ok, done.missing, done.added) == (False, (), ())


ABSOLUTE = """\
struct key { unsigned long long port; unsigned long long proto; unsigned long long source; };
SEC("socket") int f(struct __sk_buff *skb)
{
    struct key k = { load_half(skb, 36), load_byte(skb, 23), load_word(skb, 26) };
    return k.port == 53 && k.proto == 17 ? (int)k.source : 0;
}
"""


def test_loads_from_packets_that_old_samples_declared_in_their_headers() -> None:
    plain = compile_c(HEAD + ABSOLUTE + TAIL)
    assert {missing.what for missing in plain.missing} == {"load_byte", "load_half", "load_word"}
    (remark,) = plain.remarks
    assert not plain.ok and remark.fix is not None
    done = compile_c(apply(HEAD + ABSOLUTE + TAIL, remark.fix))
    assert done.ok and done.remarks == (), done.diagnostics


def test_what_the_kernel_has_as_an_enumerator_is_not_defined_before_vmlinux() -> None:
    """A macro of that name in front of vmlinux.h would make its enumeration wrong."""
    source = (
        '#include "vmlinux.h"\n#include <bpf/bpf_helpers.h>\n#include "mine.h"\n'
        'SEC("tp_btf/sched_switch") int f(void *ctx)\n'
        "{ char comm[TASK_COMM_LEN + unknown]; struct event e = { PERF_MAX_STACK_DEPTH }; return e.a; }\n"
    )
    done = compile_c(source + TAIL, FIX)
    assert not any("vmlinux" in d.message for d in done.diagnostics), done.diagnostics
    assert "#define PERF_MAX_STACK_DEPTH 127" in done.added
    assert not any("TASK_COMM_LEN" in line for line in done.added)
    assert not {name for name in providers.NOT_IN_VMLINUX if providers.kernel_constant(name)}
