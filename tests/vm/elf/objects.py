"""BPF objects for tests, compiled by the ziglang wheel's clang."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

PRELUDE = """
typedef unsigned char __u8; typedef unsigned short __u16; typedef unsigned int __u32;
typedef unsigned long long __u64; typedef int __s32;
#define SEC(name) __attribute__((section(name), used))
#define __uint(name, val) int (*name)[val]
#define __type(name, val) typeof(val) *name
#define __array(name, val) typeof(val) *name[]
#define __always_inline inline __attribute__((always_inline))
#define __noinline __attribute__((noinline))
struct xdp_md { __u32 data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex; };
static void *(*bpf_map_lookup_elem)(void *map, const void *key) = (void *)1;
static long (*bpf_loop)(__u32 n, void *callback, void *ctx, __u64 flags) = (void *)181;
char _license[] SEC("license") = "GPL";
"""


@cache
def build(source: str, *flags: str, prelude: bool = True) -> bytes:
    """The object clang makes of a source."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "prog.c"
        path.write_text((PRELUDE if prelude else "") + source)
        out = Path(folder) / "prog.o"
        argv = [sys.executable, "-m", "ziglang", "clang", "-target", "bpf", "-O2", "-g", "-mcpu=v3", *flags]
        subprocess.run([*argv, "-c", str(path), "-o", str(out)], check=True, cwd=folder)
        return out.read_bytes()
