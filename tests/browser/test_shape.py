"""The panel Shape: the tree of paths, compared states, the control-flow graph, loops and frames."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Tab
from tests.browser.fixtures import recorded
from tests.browser.test_access import in_schemes
from tests.corpus import first

Tabs = Callable[..., Tab]
RUDE = "</script><img src=x onerror=alert(1)>\u202e\x1b[31m"
PARTS = ("paths", "states", "graph", "loops", "frames")


def at(page: Any, step: int) -> None:
    expect(page.locator("bs-scrubber output")).to_contain_text(f"step {step} of")


def opened(made: Tab, path: str, part: str = "paths", step: int = 1) -> Any:
    page = made.open(f"{path}#step={step}&stage=verify&pane=paths")
    at(page, step)
    show(page, part)
    return page


def show(page: Any, part: str) -> None:
    page.locator(f'.shape-views [data-part="{part}"]').click()


def rows(page: Any) -> Any:
    return page.locator(".paths .vl-row")


def test_a_node_goes_to_its_first_step_and_the_tree_follows_the_step(tab: Tabs) -> None:
    made = tab()
    page = opened(made, "/examples/bounded-loop")
    expect(page.locator(".shape-sum").first).to_have_text("35 nodes · 18 paths")
    expect(rows(page).nth(0)).to_contain_text("from the start")
    expect(rows(page).nth(1)).to_contain_text("8: if r0 > r3 goto pc+4 taken line 16")
    expect(rows(page).nth(1)).to_contain_text("pruned: the state stored before step 149 contains it")
    expect(rows(page).nth(2)).to_contain_text("not taken")
    rows(page).nth(2).click()
    at(page, 10)
    expect(rows(page).nth(2)).to_have_attribute("aria-selected", "true")
    # A node without steps has the place of its fork, and stays the one that was chosen.
    rows(page).nth(1).click()
    at(page, 9)
    expect(rows(page).nth(1)).to_have_attribute("aria-selected", "true")
    page.locator(".insns").focus()
    page.keyboard.press("Home")
    at(page, 1)
    expect(rows(page).nth(0)).to_have_attribute("aria-selected", "true")
    page.keyboard.press("End")
    expect(page.locator('.paths [aria-selected="true"]')).to_contain_text("reached exit")
    made.check()


def test_the_tree_by_keys_alone(tab: Tabs) -> None:
    made = tab()
    page = opened(made, "/examples/bounded-loop")
    tree = page.get_by_role("tree", name="Paths of the verifier")
    page.locator('.shape-views [data-part="paths"]').focus()
    for _ in range(14):
        page.keyboard.press("Tab")
        if tree.evaluate("tree => tree === document.activeElement"):
            break
    expect(tree).to_be_focused()
    first = rows(page).nth(0)
    expect(first).to_have_attribute("aria-expanded", "true")
    assert first.get_attribute("aria-level") == "1" and first.get_attribute("aria-posinset") == "1"
    page.keyboard.press("ArrowLeft")
    expect(first).to_have_attribute("aria-expanded", "false")
    expect(first).to_contain_text("1 node, 0 steps below")
    page.keyboard.press("ArrowDown")
    at(page, 10)
    page.keyboard.press("ArrowUp")
    at(page, 1)
    page.keyboard.press("ArrowRight")
    expect(first).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("ArrowRight")
    expect(rows(page).nth(1)).to_have_attribute("aria-selected", "true")
    assert rows(page).nth(1).get_attribute("aria-level") == "2"
    page.keyboard.press("ArrowLeft")
    expect(first).to_have_attribute("aria-selected", "true")
    page.keyboard.press("End")
    at(page, 151)
    page.keyboard.press("Home")
    at(page, 1)
    # All are collapsed; the siblings of the first are opened with one key.
    page.get_by_role("button", name="Collapse all").click()
    expect(first).to_have_attribute("aria-expanded", "false")
    expect(first).to_have_attribute("aria-setsize", "18")
    tree.focus()
    page.keyboard.press("*")
    expect(first).to_have_attribute("aria-expanded", "true")
    made.check()


def test_a_search_in_the_tree(tab: Tabs) -> None:
    made = tab()
    page = opened(made, "/examples/bounded-loop")
    page.get_by_role("button", name="Collapse all").click()
    find = page.get_by_label(re.compile("Search the tree"))
    find.fill("pruned insn 8")
    expect(page.locator(".shape-hits")).to_have_text("16 found")
    find.press("Enter")
    chosen = page.locator('.paths [aria-selected="true"]')
    expect(chosen).to_contain_text("path 17")
    expect(chosen).to_have_class(re.compile("hit"))
    find.press("Enter")
    expect(chosen).to_contain_text("path 16")
    find.press("Shift+Enter")
    expect(chosen).to_contain_text("path 17")
    find.fill("line 99999")
    expect(page.locator(".shape-hits")).to_have_text("0 found")
    expect(page.get_by_role("button", name="Next node found")).to_be_disabled()
    made.check()


def test_the_icicle_has_the_axis_of_the_scrubber(tab: Tabs) -> None:
    made = tab()
    page = opened(made, "/examples/bounded-loop")
    box = page.locator(".icicle").bounding_box()
    track = page.locator("bs-scrubber .track").bounding_box()
    assert abs(box["x"] - track["x"]) < 12 and abs(box["width"] - track["width"]) < 24
    page.mouse.click(box["x"] + box["width"] * 0.5, box["y"] + 5)
    at(page, 77)
    made.check()


def test_a_pruning_as_two_states(tab: Tabs) -> None:
    made = tab()
    page = opened(made, "/examples/bounded-loop")
    rows(page).nth(3).get_by_text("compare").click()
    at(page, 18)
    states = page.locator(".shape-states")
    expect(states).to_contain_text("Pruned: path 16 ends, because the state stored before step 149 contains this one.")
    decides = states.locator("tr.decides")
    expect(decides).to_have_count(1)
    expect(decides).to_contain_text("r1")
    expect(decides).to_contain_text("0…4080")
    expect(decides).to_contain_text("0…255")
    expect(states.locator('tr[data-relation="same"]')).to_have_count(0)
    states.get_by_role("checkbox").check()
    expect(states.locator('tr[data-relation="same"]').first).to_be_visible()
    states.get_by_role("button", name="step 149").click()
    at(page, 149)
    made.check()


def test_a_comparison_that_failed_names_the_register_and_its_field(tab: Tabs) -> None:
    made = tab()
    page = opened(made, "/examples/bounded-loop", "states", 32)
    states = page.locator(".shape-states")
    expect(states).to_contain_text(
        "Not pruned: the state stored before step 14 does not contain this one, because of r0."
    )
    expect(states.locator("tr.decides")).to_contain_text("kept them apart")
    expect(states.locator("tr.decides")).to_contain_text("offset: 15 → 17")
    page.locator("body").press("Home")
    expect(states).to_contain_text("No state was compared at this step.")
    states.get_by_role("button", name=re.compile("The next comparison")).click()
    expect(states).to_contain_text(re.compile("Not pruned|Pruned"))
    made.check()


def test_the_graph_by_mouse_and_keys(tab: Tabs) -> None:
    made = tab()
    page = opened(made, "/examples/bounded-loop", "graph")
    graph = page.get_by_role("listbox", name="Basic blocks")
    block = page.locator(".cfg-block")
    expect(block.nth(0)).to_have_class(re.compile("now"))
    expect(block.nth(1)).to_contain_text("×16")
    expect(block.nth(1)).to_have_attribute("title", "16 visits, 80 instructions processed")
    assert block.nth(1).get_attribute("data-heat") == "5"
    expect(page.locator(".cfg-head")).to_contain_text("sum_bytes function · 6 blocks")
    block.nth(1).click()
    at(page, 5)
    expect(block.nth(1)).to_have_class(re.compile("now"))
    graph.focus()
    page.keyboard.press("ArrowRight")
    expect(graph).to_have_attribute("aria-activedescendant", re.compile("-2$"))
    at(page, 5)
    page.keyboard.press("Enter")
    at(page, 10)
    page.keyboard.press("ArrowLeft")
    expect(graph).to_have_attribute("aria-activedescendant", re.compile("-1$"))
    page.keyboard.press("ArrowDown")
    expect(graph).to_have_attribute("aria-activedescendant", re.compile("-2$"))
    made.check()


def test_functions_have_headings_in_graph_and_instructions(tab: Tabs) -> None:
    made = tab()
    page = opened(made, "/examples/two-functions", "graph")
    select = page.get_by_label("Function", exact=True)
    expect(select.locator("option")).to_have_text(["allow_some", "is_allowed"])
    select.select_option("is_allowed")
    expect(page.locator(".cfg-head", has_text="is_allowed")).to_be_visible()
    expect(page.locator(".cfg-head", has_text="is_allowed")).to_contain_text("called from insn 14")
    expect(page.locator("bs-insns .func-head").first).to_contain_text("allow_some")
    made.check()


def test_a_loop_round_by_round(tab: Tabs) -> None:
    made = tab()
    page = opened(made, "/examples/bounded-loop", "loops", 20)
    loops = page.locator(".shape-loops")
    expect(loops.get_by_role("heading")).to_contain_text("Insn 4, line 16")
    table = loops.locator(".loop-table")
    expect(table.locator("tbody tr")).to_have_count(16)
    expect(loops.locator(".loop-why")).to_contain_text(
        "Did not converge: 16 rounds, 14 comparisons; r0 kept the states apart in 14."
    )
    headings = table.locator("thead th").all_inner_texts()
    assert headings[:2] == ["Round", "Step"] and "r2" in headings
    third = table.locator("tbody tr").nth(2)
    expect(third.locator("td").nth(headings.index("r2") - 1)).to_have_text("2")
    expect(table.locator('tr[aria-current="step"]')).to_contain_text("2")
    third.get_by_role("button", name="23", exact=True).click()
    at(page, 23)
    expect(third).to_have_attribute("aria-current", "step")
    third.get_by_role("button", name="r0 differs").click()
    expect(page.locator(".shape-states")).to_contain_text("because of r0")
    made.check()


def test_call_frames_side_by_side(tab: Tabs) -> None:
    made = tab()
    page = opened(made, "/examples/two-functions", "frames", 17)
    frames = page.locator(".shape-frames .frame")
    expect(frames).to_have_count(2)
    expect(frames.nth(0).get_by_role("heading")).to_contain_text("Frame 0 allow_some")
    expect(frames.nth(1).get_by_role("heading")).to_contain_text("Frame 1 is_allowed")
    frames.nth(1).get_by_role("button", name="r1", exact=True).click()
    expect(frames.nth(1).get_by_role("button", name="r1", exact=True)).to_be_focused()
    assert page.evaluate("document.querySelector('bs-state').store.state.reg") == "1:r1"
    made.check()


def test_a_link_restores_the_panel(tab: Tabs) -> None:
    made = tab(permissions=["clipboard-read", "clipboard-write"])
    page = opened(made, "/examples/bounded-loop")
    page.get_by_role("button", name="Collapse all").click()
    page.get_by_label(re.compile("Search the tree")).fill("exit")
    rows(page).nth(0).locator(".tree-fold").click()
    expect(rows(page).nth(1)).to_contain_text("path 17")
    expect(page.locator(".shape-hits")).to_have_text("2 found")
    page.locator(".insns").focus()
    page.keyboard.press("s")
    page.get_by_role("button", name="Make the link").click()
    other = tab()
    again = other.open(page.locator(".share-url").input_value().removeprefix(made.server).split("#")[0])
    expect(again.locator(".shape-hits")).to_have_text("2 found")
    expect(rows(again).nth(1)).to_contain_text("path 17")
    expect(rows(again).nth(2)).to_have_attribute("aria-expanded", "false")
    other.check()
    made.check()


@pytest.mark.parametrize("size", first([(1440, 900), (360, 740)]))
def test_axe_in_every_part(tab: Tabs, size: tuple[int, int]) -> None:
    made = tab(width=size[0], height=size[1])
    page = opened(made, "/examples/bounded-loop", "paths", 32)
    for part in PARTS:
        show(page, part)
        expect(page.locator(f'bs-shape[data-part="{part}"]')).to_be_visible()
        page.wait_for_timeout(300)
        assert in_schemes(page, "bs-shape") == [], part
    made.check()


def graph(name: str) -> dict[str, Any]:
    """The answer to `graph` of a program with two functions of this name."""
    return {
        "type": "graph", "program": name, "left_out": 0, "blocks": [[0, 5], [6, 18]],
        "edges": [[0, 1, "taken", False]], "loops": [{"kind": "loop", "insn": 6, "line": 12, "ranges": [[6, 10]]}],
        "functions": [
            {"name": name, "insn": n, "line": 9, "first": n // 6, "last": n // 6, "calls": [3]} for n in (0, 6)
        ],
    }  # fmt: skip


def test_hostile_names_stay_text(recorded_tab: Callable[..., Tab]) -> None:
    messages = copy.deepcopy(recorded.reasoned())
    for message in messages:
        for insn in message.get("insns", []):
            insn["text"] = RUDE
            if insn["idx"] in (0, 6):
                insn["func"] = RUDE
        for list_ in ("prunings", "arrivals"):
            for each in message.get(list_, []):
                each["text"] = RUDE
                if "name" in each:
                    each["name"] = RUDE
    verify = next(m for m in messages if m.get("stage") == "verify" and m.get("status") == "done")
    verify["tree"] = [
        [path["parent"], path["push_step"], path["first_step"], path["last_step"], path["end"], path["pruned_by"]]
        + [6, 6, 6, False]
        for path in verify["paths"]
    ]
    reg = {"k": "map_value", "t": RUDE, "map": RUDE}
    answers = {
        "graph": [graph(RUDE)],
        "states": [
            {"type": "states", "step": 8, "path": 3, "checkpoint": 10, "insn": 10, "stored": {"r1": reg, RUDE: reg},
             "arrived": {"r1": reg}}
        ],
        "rounds": [{"type": "rounds", "step": 8, "insn": 6, "begun": True, "ended": True, "rounds": [
            {"step": 2, "path": 0, "frame": 0, "set": {"r1": reg}, "gone": []},
            {"step": 8, "path": 0, "frame": 0, "set": {"r1": {**reg, "off": 3}, RUDE: reg}, "gone": []}]}],
    }  # fmt: skip
    made = recorded_tab(messages, None, answers)
    page = made.open("/#step=9&stage=verify&pane=paths")
    at(page, 9)
    for part in PARTS:
        show(page, part)
        expect(page.locator(f'bs-shape[data-part="{part}"]')).to_contain_text(
            re.compile("onerror") if part != "frames" else re.compile("Frame 0")
        )
        assert page.locator("bs-shape img").count() == 0
    made.check()


def rows_of(count: int) -> list[list[Any]]:
    """A tree of `count` paths in chains of forks, of ten steps each."""
    found: list[list[Any]] = []
    for number in range(count):
        parent = -1 if number == 0 else (number - 1 if number % 7 else 0)
        fork = -1 if parent < 0 else parent * 10 + (number % 9)
        end = ("exit", "safe", "reject")[number % 3]
        found.append([parent, fork, number * 10, number * 10 + 9, end, 5 if end == "safe" else -1, 4, 6, 10, False])
    return found


MOVES = """async ([steps, near]) => {
  const { scope, store } = document.querySelector("bs-shape");
  const frame = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  const took = [];
  for (let i = 0; i < 150; i++) {
    const begun = performance.now();
    scope.cursor.goto(near ? 40000 + i * 3 : (i * 104729) % steps);
    store.flush();
    took.push(performance.now() - begun);
    await frame();
  }
  took.sort((a, b) => a - b);
  return [took[75], took[142]];
}"""


def test_a_tree_of_20_000_paths_stays_smooth(recorded_tab: Callable[..., Tab]) -> None:
    paths = 11_000
    messages, steps = recorded.long_walk(10 * paths)
    tree = rows_of(paths)
    for message in messages:
        if message.get("stage") == "verify" and message.get("status") == "done":
            message.update(tree=tree, paths_total=paths)
    made = recorded_tab(messages, steps)
    page = made.open("/#step=1&stage=verify&pane=paths")
    expect(page.locator(".shape-sum").first).to_have_text(re.compile(r"^2\d,\d{3} nodes"))
    assert rows(page).count() < 60
    page.evaluate(MOVES, [10 * paths, False])  # what is compiled while it runs first
    middle, most = page.evaluate(MOVES, [10 * paths, False])
    near, _ = page.evaluate(MOVES, [10 * paths, True])
    # Other processes share the cores: the middle is what counts here, the measured p95 is in docs/page.md.
    assert middle <= 8 and near <= 8, (middle, most, near)
    print(f"script time a frame: {middle:.1f} ms in the middle, p95 {most:.1f} ms; step by step {near:.1f} ms")
    page.get_by_role("button", name="Collapse all").click()
    expect(rows(page).first).to_have_attribute("aria-expanded", "false")
    find = page.get_by_label(re.compile("Search the tree"))
    find.fill("rejected")
    expect(page.locator(".shape-hits")).to_have_text("3,666 found")
    find.press("Enter")
    expect(page.locator('.paths [aria-selected="true"]')).to_contain_text("rejected here")
    made.check()


@pytest.mark.parametrize(("size", "scale"), [((960, 540), 1), ((1920, 1080), 2)])
def test_a_projector_shows_several_nodes_and_eight_rows_of_each_column(
    tab: Tabs, size: tuple[int, int], scale: int
) -> None:
    made = tab(width=size[0], height=size[1])
    layout = json.dumps({"columns": [], "dock": 0, "closed": [], "scale": scale})
    made.page.add_init_script(f"localStorage.setItem('bpfscope.layout', {json.dumps(layout)})")
    page = opened(made, "/examples/bounded-loop", step=30)
    seen = """selector => {
        const rows = [...document.querySelectorAll(selector)].map((row) => row.getBoundingClientRect());
        const box = document.querySelector(selector).closest('.paths, .insns, .state-scroll').getBoundingClientRect();
        const low = Math.min(box.bottom, innerHeight) + 0.5;
        return rows.filter((row) => row.height && row.top >= box.top - 0.5 && row.bottom <= low).length;
    }"""
    assert page.evaluate(seen, ".paths .vl-row") >= 4
    assert page.evaluate(seen, ".insns .vl-row") >= 8
    assert page.evaluate(seen, ".state-table tbody tr") >= 8
    made.check()


def focused(page: Any, selector: str) -> None:
    """That what is in focus fits the selector, and that it is seen to be."""
    page.wait_for_function("selector => document.activeElement.matches(selector)", arg=selector)
    outline = page.evaluate("() => getComputedStyle(document.activeElement).outlineStyle")
    assert outline != "none", selector


def keys_to(page: Any, selector: str) -> None:
    page.locator(selector).first.wait_for()
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    pytest.fail(f"the keyboard does not come to {selector}")


def test_every_part_by_keys_alone(tab: Tabs) -> None:
    """From the panel's tab on: the tree, a pruning, the next comparison, the graph, a loop and the frames."""
    made = tab()
    page = opened(made, "/examples/bounded-loop")
    page.get_by_role("tab", name="Shape").focus()
    keys_to(page, '[data-part="paths"]')
    page.keyboard.press("Enter")
    focused(page, '[data-part="paths"]')
    keys_to(page, "[role=tree]")
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    expect(page.locator('.paths [aria-selected="true"]')).to_contain_text("pruned")
    # Enter on a pruned node compares, and the keyboard goes on there.
    page.keyboard.press("Enter")
    focused(page, ".shape-states")
    expect(page.locator(".shape-states")).to_contain_text("Pruned")
    keys_to(page, ".shape-states .step-link")
    page.keyboard.press("Enter")
    focused(page, ".shape-states, .shape-states *")
    page.keyboard.press("Home")
    at(page, 1)
    keys_to(page, ".shape-states .step-link")
    page.keyboard.press("Enter")
    expect(page.locator(".shape-states")).to_contain_text("the state stored before")
    focused(page, ".shape-states, .shape-states *")
    page.locator('.shape-views [data-part="graph"]').focus()
    page.keyboard.press("Enter")
    expect(page.locator(".cfg-block").first).to_be_visible()
    keys_to(page, '.cfg-scroll[role="listbox"]')
    page.keyboard.press("End")
    block = page.locator('.cfg-block[aria-selected="true"]')
    expect(block).to_have_attribute("aria-posinset", page.locator(".cfg-block").first.get_attribute("aria-setsize"))
    page.keyboard.press("Home")
    expect(block).to_have_attribute("aria-posinset", "1")
    page.keyboard.press("Enter")
    at(page, 1)
    page.locator('.shape-views [data-part="loops"]').focus()
    page.keyboard.press("Enter")
    expect(page.locator(".loop-table")).to_be_visible()
    keys_to(page, ".shape-loops")
    page.keyboard.press("ArrowDown")
    current = page.locator(".loop-table tr.current")
    expect(current).to_have_attribute("data-round", "0")
    page.keyboard.press("ArrowDown")
    expect(current).to_have_attribute("data-round", "1")
    expect(page.locator("bs-announcer")).to_contain_text(re.compile(r"^Step \d+: "))
    page.keyboard.press("ArrowUp")
    expect(current).to_have_attribute("data-round", "0")
    page.locator('.shape-views [data-part="frames"]').focus()
    page.keyboard.press("Enter")
    keys_to(page, ".shape-frames")
    made.check()
