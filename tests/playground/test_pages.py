"""/, /examples/ and what every answer carries."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client
from django.utils.html import escape

from playground.examples import all_examples
from playground.glossary import glossary
from playground.jobs.service import Service, stored_record
from tests.playground.conftest import asked
from tests.playground.test_shared import embedded

POLICY = {
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "connect-src 'self'",
    "font-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "object-src 'none'",
    "frame-ancestors 'self'",
}


def test_home_holds_the_first_example(client: Client) -> None:
    answer = client.get("/")
    assert answer.status_code == 200
    html = answer.content.decode()
    program = embedded(html, "program")
    first = next(iter(all_examples().values()))
    assert program["example"] == first.name
    assert program["request"] == first.request
    config = embedded(html, "config")
    assert config["ws"] == "/ws/run"
    assert config["limits"]["source_bytes"] == 64 << 10
    assert embedded(html, "record") is None


@pytest.mark.parametrize("name", list(all_examples()))
def test_each_example_has_a_page_and_json(client: Client, name: str) -> None:
    assert embedded(client.get(f"/examples/{name}").content.decode(), "program")["example"] == name
    assert client.get(f"/examples/{name}.json").json()["program"]["request"] == all_examples()[name].request


def test_the_list_of_examples_is_a_page_or_a_piece_of_one(client: Client) -> None:
    whole = client.get("/examples/").content.decode()
    piece = client.get("/examples/", headers={"hx-request": "true"}).content.decode()
    assert "<html" in whole and "<html" not in piece
    for example in all_examples().values():
        assert f'href="{example.url}"' in piece and f'href="{example.url}"' in whole


@pytest.mark.parametrize("path", ["/", "/examples/", "/nowhere", "/examples/count-drop.json"])
@pytest.mark.django_db
def test_every_answer_carries_the_policy_and_sets_no_cookie(client: Client, path: str) -> None:
    answer = client.get(path)
    assert set(answer["Content-Security-Policy"].split("; ")) == POLICY
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Referrer-Policy"] == "same-origin"
    assert answer["Cross-Origin-Opener-Policy"] == "same-origin"
    assert not answer.cookies


def test_pages_have_no_inline_script_or_style(client: Client) -> None:
    for path in ("/", "/examples/", "/nowhere"):
        html = client.get(path).content.decode()
        assert "style=" not in html and "<style" not in html and "onclick" not in html
        scripts = html.split("<script")[1:]
        assert all('type="application/json"' in s.split(">")[0] or "src=" in s.split(">")[0] for s in scripts)


def test_another_host_is_refused(client: Client) -> None:
    assert client.get("/", headers={"host": "elsewhere.example"}).status_code == 400


def test_errors_are_sentences(client: Client) -> None:
    assert "no page at this address" in client.get("/examples/nothing").content.decode()
    assert client.get("/examples/nothing.json").json() == {"error": "There is no page at this address."}
    assert client.post("/").status_code == 405


@pytest.mark.asyncio(loop_scope="module")
async def test_a_stored_run_is_in_the_page(service: Service, client: Client, monkeypatch: Any) -> None:
    request = {**all_examples()["count-drop"].request, "source": "stage compile\nsteps verify 600\nstage verify"}
    run = service.open(request)
    service.watch(run)
    while run.state != "finished":
        await run.change().wait()
    record = stored_record(request)
    assert record is not None
    kinds = [message["type"] for message in record["messages"]]
    assert kinds == ["accepted", "stage", "steps", "stage", "done"]
    assert service.find(record["run"]) is not None
    assert stored_record(asked("never asked")) is None


def test_about_says_what_is_emulated(client: Client) -> None:
    html = client.get("/about").content.decode()
    assert "emulation of Linux" in html and 'href="/glossary"' in html


def test_the_glossary_has_the_terms_and_the_reference(client: Client) -> None:
    html = client.get("/glossary").content.decode()
    assert "bpf_map_lookup_elem: helper 1" in html and "cond jump32" in html
    assert "struct task_struct *bpf_task_acquire(struct task_struct *p)" in html
    for entry in glossary():
        assert entry["names"] and entry["text"].endswith(".")
        assert escape(entry["text"]) in html
    assert {"path", "processed", "step", "slot", "bits", "fp"} <= {name for e in glossary() for name in e["names"]}


def test_the_glossary_is_searched_by_words(client: Client) -> None:
    html = client.get("/glossary", {"q": "REDIRECT neigh"}).content.decode()
    assert "bpf_redirect_neigh" in html and "bpf_redirect_peer" not in html
    rude = "<script>alert(1)</script>" + "x" * 5000
    html = client.get("/glossary", {"q": rude}).content.decode()
    assert "<script>alert" not in html and "Nothing is known about" in html and "x" * 200 not in html


def test_pages_bring_the_glossary_for_the_terms_they_show(client: Client) -> None:
    html = client.get("/").content.decode()
    given = html.split('<script id="glossary" type="application/json">')[1].split("</script>")[0]
    assert json.loads(given) == glossary()


def test_the_playground_links_to_the_other_pages(client: Client) -> None:
    html = client.get("/").content.decode()
    header = html[html.index("<bs-header") : html.index("</bs-header>")]
    for address, name in (("/errors/", "Errors"), ("/glossary", "Glossary"), ("/about", "About")):
        assert f'<a href="{address}">{name}</a>' in header
