"""What the jobs made, over HTTP: types, lengths, HEAD, ranges; and the page that shows it."""

from __future__ import annotations

import html
import io

import httpx
import pytest
from PIL import Image

#: A client without a key; one for all, since each would read the machine's certificates anew.
web = httpx.Client(trust_env=False, verify=False, timeout=10)


@pytest.fixture
def url(sandbox, imagine) -> str:
    imagine()
    return str(sandbox.jobs()[0]["urls"][0])


def test_a_file_needs_no_key_and_says_what_it_is(url):
    answer = web.get(url)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/png"
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert Image.open(io.BytesIO(answer.content)).format == "PNG"


def test_head_is_the_same_without_the_body(url):
    got, head = web.get(url), web.head(url)
    assert head.content == b""
    for name in ("content-type", "content-length", "etag", "accept-ranges"):
        assert head.headers[name] == got.headers[name]


def test_ranges(url):
    whole = web.get(url).content
    size = len(whole)
    for wanted, expected in {
        "bytes=0-9": whole[:10],
        "bytes=100-": whole[100:],
        "bytes=-7": whole[-7:],
        f"bytes=5-{size * 2}": whole[5:],
        f"bytes=-{size * 2}": whole,
    }.items():
        answer = web.get(url, headers={"Range": wanted})
        assert (answer.status_code, answer.content) == (206, expected)
        start = size - len(expected) if wanted.startswith("bytes=-") else int(wanted[6:].split("-")[0])
        assert answer.headers["content-range"] == f"bytes {start}-{start + len(expected) - 1}/{size}"
    beyond = web.get(url, headers={"Range": f"bytes={size}-"})
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{size}")
    for ignored in ("bytes=-", "lines=1-2", "bytes=5-1,7-8"):
        assert web.get(url, headers={"Range": ignored}).content == whole
    changed = web.get(url, headers={"Range": "bytes=0-9", "If-Range": '"other"'})
    assert (changed.status_code, changed.content) == (200, whole)


def test_nobody_guesses_a_file(sandbox, url):
    for wrong in (url.replace("grid", "panel-1"), f"{sandbox.url}/files/{'a' * 24}/grid.png"):
        assert web.get(wrong).status_code == 404


def test_urls_go_where_the_caller_found_the_sandbox(api, sandbox, imagine):
    named = {"Host": f"localhost:{sandbox.port}"}
    task = api.get(f"/api/v1/tasks/{imagine()}", headers=named).json()
    assert task["result_urls"][0].startswith(f"http://localhost:{sandbox.port}/files/")
    sandbox.configure(public_url="https://cdn.example/")
    task = api.get(f"/api/v1/tasks/{task['task_id']}").json()
    assert task["result_urls"][0].startswith("https://cdn.example/files/")


def test_the_start_page_shows_jobs_and_runs_nothing_of_what_they_say(api, anyone, sandbox, imagine):
    evil = '<script>alert("x")</script><img src=x onerror=alert(1)>'
    parent = imagine(evil)
    api.post("/api/v1/tasks", json={"action": "upscale", "parent_task_id": parent, "index": 3})
    sandbox.order_fault({"then": {"job": "fail", "error_message": "<b>bold</b>"}})
    imagine("doomed")
    sandbox.save_account(account="<i>ann</i>", balance=77)
    page = anyone.get("/")
    assert page.headers["content-type"].startswith("text/html")
    assert "script-src" not in page.headers["content-security-policy"]
    assert "default-src 'none'" in page.headers["content-security-policy"]
    text = page.text
    assert html.escape(evil) in text
    for tag in ("<script", "<img src=x", "<i>", "<b>bold"):
        assert tag not in text
    assert "77 Credits" in text
    assert f'<a href="#{parent}">' in text
    assert f'<article id="{parent}">' in text
    assert text.index("doomed") < text.index(html.escape(evil))  # newest first
    assert "http://" not in text.replace(sandbox.url, "")
    assert "https://" not in text
    thumbs = [part.split('"')[0] for part in text.split('<img loading="lazy" alt="')[1:]]
    assert sorted(thumbs) == ["grid.png", "upscale-3.png"]


def test_thumbnails_are_small_images(anyone, imagine):
    imagine()
    address = anyone.get("/").text.split('src="')[1].split('"')[0]
    thumb = anyone.get(address)
    assert thumb.headers["content-type"] == "image/png"
    assert max(Image.open(io.BytesIO(thumb.content)).size) <= 300
    assert anyone.get(address[:-1] + "9").status_code == 404


def test_dead_links_are_not_shown(anyone, sandbox, imagine):
    imagine()
    assert "<img" in anyone.get("/").text
    sandbox.advance_clock(90_000)
    page = anyone.get("/").text
    assert "<img" not in page
    assert "the URLs have expired" in page
