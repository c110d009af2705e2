from __future__ import annotations

import errno
import json
import os
import shutil
from pathlib import Path

import pytest

from vm.errors import InputError
from vm.kernel import errno as numbers
from vm.kernel import func_ids, release
from vm.kernel import types as k
from vm.kernel.compare import counts, differences
from vm.kernel.facts import ABOUT, KernelFacts, emulated, find


def test_the_emulated_kernel() -> None:
    facts = emulated()
    assert facts is emulated()
    assert facts.release == release.RELEASE
    assert facts.release.startswith(release.VERSION + ".")
    assert find(release.FOLDER).banner == facts.banner


def test_constants_are_those_of_the_data() -> None:
    """The generated modules and the data were read from one kernel."""
    facts = emulated()
    for enum, names in k.ENUMS.items():
        assert {name: getattr(k, name) for name in names} == {
            name: value for name, value in facts.enum(enum).items() if not name.startswith("__")
        }
    assert {name: getattr(numbers, name) for name in facts.errnos} == facts.errnos
    assert [helper.name for helper in facts.helpers.by_id.values()] == [f"bpf_{name}" for name in func_ids.NAMES[1:]]
    assert all(getattr(func_ids, name.upper()) == number for number, name in enumerate(func_ids.NAMES))


def test_error_numbers_are_those_of_the_c_library() -> None:
    known = {name: number for number, name in errno.errorcode.items() if name != "ENOTSUP"}  # EOPNOTSUPP's other name
    assert {name: emulated().errnos[name] for name in known} == known


def test_fields_of_contexts() -> None:
    facts = emulated()
    assert {"xdp_md", "__sk_buff", "bpf_sock_ops", "sk_msg_md"} <= set(facts.contexts)
    assert facts.fields("xdp_md")["data_end"] == (32, 32, "__u32")
    assert facts.fields("bpf_sock_ops")["args"][1] == 128  # a member of an anonymous union
    assert facts.fields("no_such_struct") == {}


def test_every_part_has_facts() -> None:
    assert all(number > 0 for number in counts(emulated()).values())
    assert differences(emulated(), emulated()) == []


@pytest.fixture
def other(tmp_path: Path) -> KernelFacts:
    """A kernel made by hand: the emulated one, with some facts changed."""
    source = Path(str(emulated().folder))
    for path in source.iterdir():
        os.symlink(path, tmp_path / path.name)

    def edit(name: str) -> dict[str, object]:
        data: dict[str, object] = json.loads((source / name).read_text())
        (tmp_path / name).unlink()
        return data

    def write(name: str, data: object) -> None:
        (tmp_path / name).write_text(json.dumps(data))

    write(ABOUT, edit(ABOUT) | {"release": "6.99.1-made-by-hand"})
    hooks = edit("hooks.json")
    assert isinstance(hooks["kfuncs"], dict) and isinstance(hooks["id_sets"], dict)
    assert isinstance(hooks["kfunc_sets"], list) and isinstance(hooks["raw_tracepoints"], dict)
    hooks["kfuncs"]["bpf_task_acquire"]["flags"] = k.PTR_TO_CTX  # KF_RELEASE
    del hooks["kfuncs"]["bpf_task_release"]
    hooks["id_sets"]["sleepable_lsm_hooks"].append("bpf_lsm_made_up")
    hooks["raw_tracepoints"]["sched_switch"] = [5, 0]
    write("hooks.json", hooks)
    helpers = edit("helpers.json")
    assert isinstance(helpers["protos"], list)
    lookup = next(proto for proto in helpers["protos"] if proto["symbol"] == "bpf_map_lookup_elem_proto")
    lookup["args"][1] |= k.PTR_MAYBE_NULL
    write("helpers.json", helpers)
    return KernelFacts.load(tmp_path)


def test_what_differs(other: KernelFacts) -> None:
    found = {(change.part, change.name): change for change in differences(emulated(), other)}
    assert {key[0] for key in found} == {"kfuncs", "id sets", "raw tracepoints", "helper prototypes"}
    gone = found["kfuncs", "bpf_task_release"]
    assert gone.kind == "removed" and gone.before["prototype"] == "void bpf_task_release(struct task_struct *)"
    changed = found["kfuncs", "bpf_task_acquire"]
    assert (changed.kind, changed.after["flags"]) == ("changed", "KF_RELEASE")
    assert changed.before["flags"] == "KF_ACQUIRE | KF_RET_NULL | KF_RCU"
    assert found["id sets", "sleepable_lsm_hooks: bpf_lsm_made_up"].kind == "added"
    assert found["raw tracepoints", "sched_switch"][2:] == ([4, 0], [5, 0])
    proto = found["helper prototypes", "bpf_map_lookup_elem_proto"]
    assert proto.after["arg_types"] == ["ARG_CONST_MAP_PTR", "ARG_PTR_TO_MAP_KEY | PTR_MAYBE_NULL"]
    assert proto.before["arg_types"] == ["ARG_CONST_MAP_PTR", "ARG_PTR_TO_MAP_KEY"]
    assert len(found) == 5


def test_folders_without_facts(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="make facts"):
        find(str(tmp_path))
    with pytest.raises(InputError, match="make facts"):
        find("5.5.5")
    (tmp_path / ABOUT).write_text("[]")
    with pytest.raises(InputError, match="make facts"):
        KernelFacts.load(tmp_path)
    shutil.copy(Path(emulated().folder, ABOUT), tmp_path / ABOUT)
    with pytest.raises(InputError, match="helpers.json"):
        assert KernelFacts.load(tmp_path).helpers
