"""The images in a text: every form in which they are handed out, whole, and in linear time."""

from __future__ import annotations

import time

import pytest

from airflow_provider_orux.gateways.markdown import images_in
from airflow_provider_orux.lifecycle.fingerprint import canonical
from airflow_provider_orux.models.errors import OruxError, redact
from airflow_provider_orux.models.input_images import form_of
from airflow_provider_orux.models.orux import FluxKontextPro
from airflow_provider_orux.models.yescale import MidjourneyImagine
from airflow_provider_orux.storage.redact import redact_inputs

PNG = "iVBORw0KGgo" + "A" * 80


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("https://cdn.example/a.png", ["https://cdn.example/a.png"]),
        ("https://cdn.example/a_", ["https://cdn.example/a_"]),
        ("\n https://cdn.example/a?b=1) \n", ["https://cdn.example/a?b=1)"]),
        ("![x](https://a/b.png)", ["https://a/b.png"]),
        ("![x]( <https://a/b c.png> )", ["https://a/b c.png"]),
        ("![x](https://en.example/A_(b_(c))_d.png)", ["https://en.example/A_(b_(c))_d.png"]),
        (r"![x](https://a/b\)c.png)", ["https://a/b)c.png"]),
        ('![x](https://a/b.png "a (title)") https://a/other.png', ["https://a/b.png"]),
        ("![x](https://a/b c.png)", ["https://a/b%20c.png"]),
        ("![x](https://a/cut.png", ["https://a/cut.png"]),
        ("![a [b] c](https://a/q.png)", ["https://a/q.png"]),
        ("![A][One]\n\n[one]: https://a/1.png 'x'\n", ["https://a/1.png"]),
        ("![A][] ![b]\n\n[a]: <https://a/1.png>\n[B]: https://a/2.png", ["https://a/1.png", "https://a/2.png"]),
        ('<p><IMG alt=">" src=https://a/1.png></p>', ["https://a/1.png"]),
        ("<img width=3 src='https://a/1?x=1&amp;y=2'>", ["https://a/1?x=1&y=2"]),
        ('<video src="https://a/1.mp4"></video>', ["https://a/1.mp4"]),
        ('<a href="https://a/1.png">here</a>', ["https://a/1.png"]),
        ("[Download](https://cdn/x?id=1)", ["https://cdn/x?id=1"]),
        ("See [the rules](https://help.example/rules).", []),
        ("[![t](https://a/t.png)](https://a/full.png)", ["https://a/t.png"]),
        ("- https://a/x\n- <https://a/y>\n3. https://a/z", ["https://a/y", "https://a/x", "https://a/z"]),
        ("Done: **https://a/b.png**, (https://a/c_(d).webp?x=1).", ["https://a/b.png", "https://a/c_(d).webp?x=1"]),
        ("图片：https://cdn/x.png，点击", ["https://cdn/x.png"]),
        ("`https://a/z.png`", ["https://a/z.png"]),
        (f"![x](data:image/png;base64,{PNG[:40]}\n{PNG[40:]})", [f"data:image/png;base64,{PNG}"]),
        (f"here data:image/png;base64,{PNG} it is", [f"data:image/png;base64,{PNG}"]),
        (PNG, [PNG]),
        ("I cannot do that. Read https://help.example/policy first.", []),
        ("![x](ftp://a/1.png) ![y](javascript:alert) ![z](/relative.png) ![]( )", []),
        ("", []),
    ],
)  # fmt: skip
def test_every_form(text: str, found: list[str]) -> None:
    assert images_in(text) == found


PIECES = (
    "![", "](http://", "<img ", '<img src="', "http://", "]:http://(", "[a]: ", "<http://", "data:a/", "src=", "][", "(",
    "![x](data:,", "![x](https://a ", ")", "https://a?", "bearer ", "sk-", "--ar ", "a.", "data:a/b;c", "=sig&", "\\", "— ",
    "iVBORw0KGgo", "![]", "[a][b]", "https://a/?b=c ", "<a href='", "sk-app-", "whsec_",
)  # fmt: skip


@pytest.mark.parametrize("piece", PIECES)
def test_no_text_takes_more_than_linear_time(piece: str) -> None:
    """100 000 characters; a quadratic search takes tens of seconds for them."""
    text = piece * (100_000 // len(piece)) + "!"
    began = time.process_time()
    images_in(text)
    redact(text)
    canonical(text)
    redact_inputs(text, keep_urls=False)
    form_of(f"https://{text}")
    MidjourneyImagine(prompt=f"a {text}", aspect_ratio="16:9", tile=True).full_prompt()
    for url in (f"https://{text}", f"https://{text} x"):
        try:
            FluxKontextPro(prompt="a", reference_image_url=url)
        except OruxError as e:
            assert len(str(e)) < 2000
    assert time.process_time() - began < 3
