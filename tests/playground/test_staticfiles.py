"""Static files: a file that changes while the server runs, and the modules that the page names."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.test import Client, RequestFactory
from whitenoise.responders import StaticFile

from playground.staticfiles import StaticFiles, first_modules


@pytest.mark.parametrize("now", ["", "short", "longer than it was at the start"])
def test_a_file_that_was_written_anew_is_answered_whole(tmp_path: Path, now: str) -> None:
    file = tmp_path / "app.js"
    file.write_text("as it was at the start")
    known = StaticFile(str(file), [("Content-Type", "text/javascript")])
    file.write_text(now)
    answer = StaticFiles.serve(known, RequestFactory().get("/static/dist/app.js"))
    assert answer.content.decode() == now
    assert answer["Content-Length"] == str(len(now))


def test_the_page_names_the_modules_that_are_fetched_first(client: Client) -> None:
    names = first_modules()
    if not names:
        pytest.skip("the page is not built (npm run build)")
    page = client.get("/").content.decode()
    for name in names:
        assert f'<link rel="modulepreload" href="/static/{name}">' in page
    assert not any("editor" in name or "htmx" in name for name in names)
