"""What the page is told of a run: maps by their names, variables by theirs."""

from __future__ import annotations

from typing import Any

import pytest

from playground.present.run import run_job

SOURCE = """
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
int counter = 5;
__u64 seen;
const volatile int step = 2;
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} a_map_with_a_name_of_many_characters SEC(".maps");
SEC("xdp")
int count(void *ctx)
{
	__u32 key = 0;
	__u64 *value = bpf_map_lookup_elem(&a_map_with_a_name_of_many_characters, &key);

	counter += step;
	if (value)
		*value = 9;
	return XDP_PASS + !!seen;
}
"""


@pytest.mark.parametrize("engine", ["jit", "interpreter"])
def test_variables_and_maps_after_the_run(engine: str) -> None:
    request: dict[str, Any] = {"kind": "c", "source": SOURCE, "options": {"engine": engine}}
    said = {m["stage"]: m for m in run_job(request) if m["type"] == "stage" and m["status"] == "done"}
    maps = said["run"]["maps"]
    assert set(maps) == {spec["name"] for spec in said["load"]["maps"]}
    assert maps["a_map_with_a_name_of_many_characters"]["entries"] == [["00000000", "0900000000000000", "9"]]
    assert "variables" not in maps["a_map_with_a_name_of_many_characters"]
    assert maps[".data"]["variables"] == [{"name": "counter", "type": "int", "offset": 0, "size": 4, "value": "7"}]
    assert maps[".bss"]["variables"] == [{"name": "seen", "type": "__u64", "offset": 0, "size": 8, "value": "0"}]
    assert [(v["name"], v["type"], v["value"]) for v in maps[".rodata"]["variables"]] == [
        ("step", "const volatile int", "2")
    ]
