"""The gallery of verifier errors: paste a message, find its page, open its programs; hostile text; accessibility."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.test_access import in_schemes
from tests.corpus import first

Tabs = Callable[..., Any]
MESSAGE = "invalid access to packet, off=72 size=4, R1(id=0,off=72,r=74)\nR1 offset is outside of the packet"
RULE = "packet-access-out-of-range"


def test_a_pasted_message_leads_to_its_page_and_its_live_programs(tab: Tabs) -> None:
    made = tab()
    page = made.open("/errors/")
    page.locator("#q").fill(MESSAGE)
    first = page.locator("#found li").first
    expect(first).to_contain_text("in your text")
    expect(page.locator("#found")).to_contain_text(re.compile(r"\b[12] errors? found"))
    first.locator("a").click()
    expect(page.locator("h1")).to_have_text(RULE)
    expect(page.locator(".pair").first).to_contain_text("Corrected")
    expect(page.locator("body")).to_contain_text("Verification failed: Memory Safety")
    address = page.url
    page.locator(f'a[href="/errors/{RULE}/rejected"]').click()
    expect(page.locator("bs-pipeline .note")).to_contain_text("outside of the packet", timeout=30_000)
    link = page.locator("bs-why .about-error a")
    expect(link).to_have_attribute("href", f"/errors/{RULE}")
    expect(link).to_have_text("About this error")
    page.goto(address)
    page.locator(f'a[href="/errors/{RULE}/fixed"]').click()
    expect(page.locator('bs-pipeline [data-stage="verify"]')).to_have_attribute("data-status", "done", timeout=30_000)
    made.check()


def test_the_list_is_filtered_by_category_and_works_without_a_script(tab: Tabs) -> None:
    made = tab()
    page = made.open("/errors/")
    page.locator("#category").select_option("limits")
    expect(page.locator("#found")).not_to_contain_text(RULE)
    expect(page.locator("#found")).to_contain_text("program-too-large")
    made.check()
    plain = tab(java_script_enabled=False)
    page = plain.page
    page.goto(plain.server + "/errors/")
    page.locator("#q").fill(MESSAGE)
    page.get_by_role("button", name="Search").click()
    expect(page.locator("#found li").first).to_contain_text(RULE)


def test_hostile_text_stays_text(tab: Tabs) -> None:
    made = tab()
    page = made.open("/errors/")
    text = '</code></textarea><img src=x onerror="document.title=1"><script>document.title=1</script> R3 !read_ok'
    page.locator("#q").fill(text)
    expect(page.locator("#found li").first).to_contain_text("<img src=x")
    assert page.locator("#found img, #found script").count() == 0
    assert page.title() != "1"
    made.check()


@pytest.mark.parametrize("size", first([(1440, 900), (390, 844)]))
@pytest.mark.parametrize("path", ["/errors/", f"/errors/{RULE}"])
def test_axe_and_width(tab: Tabs, size: tuple[int, int], path: str) -> None:
    made = tab(width=size[0], height=size[1])
    page = made.open(path)
    if path == "/errors/":
        page.locator("#q").fill(MESSAGE)
        expect(page.locator("#found li").first).to_contain_text("in your text")
    assert in_schemes(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    made.check()


def test_everything_is_reached_by_keyboard(tab: Tabs) -> None:
    page = tab().open(f"/errors/{RULE}")
    reached = set()
    for _ in range(20):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.getAttribute('href') ?? document.activeElement.className"))
    assert {f"/errors/{RULE}/rejected", f"/errors/{RULE}/fixed", "/errors/"} <= reached


@pytest.mark.parametrize("size", [(1440, 900), (390, 844)])
def test_plain_pages_have_one_header(tab: Tabs, size: tuple[int, int]) -> None:
    """The links stand at the same places, and one follows them by keyboard alone."""
    made = tab(width=size[0], height=size[1])
    page = made.page
    places = []
    for path, here in (
        ("/errors/", "Errors"), ("/glossary", "Glossary"), ("/about", "About"), (f"/errors/{RULE}", "Errors"),
        ("/examples/", ""),
    ):  # fmt: skip
        page.goto(made.server + path)
        pages = page.get_by_role("navigation", name="Pages")
        expect(pages.get_by_role("link")).to_have_text(["Playground", "Errors", "Glossary", "About"])
        current = pages.locator("[aria-current=page]")
        expect(current).to_have_text([here] if here else [])
        places.append([round(link.bounding_box()["y"]) for link in pages.get_by_role("link").all()])
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    assert all(each == places[0] for each in places)
    page.goto(made.server + "/about")
    for _ in range(4):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/glossary$"))
