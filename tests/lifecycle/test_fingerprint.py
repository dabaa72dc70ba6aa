"""The identity of a request by its content."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_orux.lifecycle.fingerprint import (
    canonical,
    changed_fields,
    digest,
    field_digests,
    fingerprint,
)

BASE = {
    "gateway": "orux", "host": "https://h", "model": "m", "verb": "generate",
    "fields": {"prompt": "a", "n": 1, "refs": ["https://x/1.png", "https://x/2.png"], "deep": {"a": [1, {"b": None}]}},
}  # fmt: skip


def fp(exclude=(), **changes):
    fields = {**BASE["fields"], **changes.pop("fields", {})}
    return fingerprint(**{**BASE, **changes, "fields": fields}, exclude=exclude)


def of(value):
    return fp(fields={"image_url": value})


@pytest.mark.parametrize(
    "changes",
    [{"gateway": "yescale"}, {"host": "https://other"}, {"model": "n"}, {"verb": "upscale"},
     {"fields": {"prompt": "b"}}, {"fields": {"new": None}},
     {"fields": {"n": 2}}, {"fields": {"n": "1"}}, {"fields": {"n": True}}, {"fields": {"n": None}},
     {"fields": {"prompt": "a "}}, {"fields": {"deep": {"a": [1, {"b": 0}]}}},
     {"fields": {"refs": ["https://x/2.png", "https://x/1.png"]}}],
    ids=repr,
)  # fmt: skip
def test_everything_that_changes_the_image_counts(changes):
    assert fp(**changes) != fp()


def test_the_order_of_fields_does_not_count():
    items = list(BASE["fields"].items())
    for order in itertools.permutations(items):
        assert fingerprint(**{**BASE, "fields": dict(order)}) == fp()


def test_it_is_the_same_tomorrow_and_elsewhere():
    """Written into the ledger and into manifests: a change of it makes every running job a changed request."""
    assert fp() == "4615540f435a85ea4cb7bc751a6ffafd1215fd2ceb3c73b08a6bbc1de7c30048"


def test_a_webhook_does_not_count_and_what_the_author_excludes_neither():
    assert fp(fields={"webhook_url": "https://a"}) == fp(fields={"webhook_url": "https://b"}) == fp()
    assert fp(["prompt"], fields={"prompt": "x"}) == fp(["prompt"], fields={"prompt": "y"})
    assert fp(["prompt"], fields={"prompt": "x"}) != fp(["prompt"], fields={"n": 5})
    assert field_digests({"prompt": "a", "webhook_url": "b", "seed": 1}, exclude=("seed",)).keys() == {
        "prompt"
    }


PRESIGNED = {
    "S3 v4": "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=c{0}&X-Amz-Date=2026{0}&X-Amz-Expires=3600"
    "&X-Amz-Security-Token=t{0}&X-Amz-SignedHeaders=host&X-Amz-Signature=s{0}",
    "S3 v4, lower case": "x-amz-signature=s{0}&x-amz-date=d{0}",
    "S3 v2": "AWSAccessKeyId=k{0}&Signature=s{0}&Expires={0}",
    "GCS v4": "X-Goog-Algorithm=GOOG4&X-Goog-Credential=c{0}&X-Goog-Date={0}&X-Goog-Expires=1&X-Goog-Signature=s{0}",
    "GCS v2": "GoogleAccessId=g{0}&Expires={0}&Signature=s{0}",
    "CloudFront": "Expires={0}&Signature=s{0}&Key-Pair-Id=K{0}",
    "CloudFront, own policy": "Policy=p{0}&Signature=s{0}&Key-Pair-Id=K",
    "Azure": "sv=2024-01-0{0}&st={0}&se={0}&sr=b&sp=r&spr=https&sig=s{0}%3D",
    "Azure, delegated": "skoid=a{0}&sktid=b{0}&skt={0}&ske={0}&sks=b&skv=1&sv=1&se={0}&sr=b&sp=r&sig=s{0}",
}


@pytest.mark.parametrize("kind", PRESIGNED)
def test_a_link_signed_anew_is_the_same_link(kind):
    query = PRESIGNED[kind]
    one, two = (f"https://bucket/key.png?{query.format(i)}" for i in (1, 2))
    assert one != two
    assert of(one) == of(two)
    assert of(one) != of(f"https://bucket/other.png?{query.format(1)}")
    assert of(one) != of(f"http://bucket/key.png?{query.format(1)}")
    # What is not a signature counts, on either side of it.
    assert of(f"https://bucket/key.png?versionId=1&{query.format(1)}") == of(
        f"https://bucket/key.png?versionId=1&{query.format(2)}"
    )
    assert of(f"https://bucket/key.png?versionId=1&{query.format(1)}") != of(
        f"https://bucket/key.png?versionId=2&{query.format(1)}"
    )
    assert of([{"deep": one}]) == of([{"deep": two}])


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("https://cdn/x?st=1", "https://cdn/x?st=2"),
        ("https://cdn/x?sr=1&sp=2", "https://cdn/x?sr=1&sp=3"),
        ("https://cdn/x?policy=1", "https://cdn/x?policy=2"),
        ("https://cdn/x?expires=1", "https://cdn/x?expires=2"),
        ("https://cdn/x?se=1#sig=1", "https://cdn/x?se=2#sig=1"),
        ("https://cdn/x?v=", "https://cdn/x"),
        ("https://cdn/x?v=", "https://cdn/x?v"),
        ("https://cdn/x?v=1#a", "https://cdn/x?v=1#b"),
        ("https://cdn/x?x-amz-meta=1", "https://cdn/x?x-amz-meta=2"),
    ],
)
def test_parameters_of_a_link_that_is_not_signed_count(one, two):
    """`reuse` would hand out another image."""
    assert of(one) != of(two)


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("https://a/x.png?sig=1 a cat", "https://a/x.png?sig=1 a dog"),
        ("https://a/x.png?sig=1&se=2 a cat #1", "https://a/x.png?sig=1&se=2 a cat #2"),
        (
            "https://a/x?Signature=1 in https://b/y?Signature=2",
            "https://a/x?Signature=1 in https://b/z?Signature=2",
        ),
        ("what is http://x? a cat", "what is http://x? a dog"),
        ("is sig=1 a cat", "is sig=2 a cat"),
    ],
)
def test_a_prompt_that_holds_links_is_a_text(one, two):
    assert fp(fields={"prompt": one}) != fp(fields={"prompt": two})


def test_a_signed_link_in_a_prompt_is_the_same_signed_anew():
    texts = (
        f"https://a/x.png?Signature={i}&Expires={i} in the style of https://b/y.png?sig={i} --v 7"
        for i in (1, 2)
    )
    assert len({fp(fields={"prompt": t}) for t in texts}) == 1


@pytest.mark.parametrize(
    "odd", ["https://[foo]?x", "https://?", "https://a?%zz&&=&sig=%", "https://a?" + "&" * 2000]
)
def test_odd_links_are_no_crash(odd):
    assert of(odd) == of(odd)
    assert of(odd) != of(odd.replace("https://", "https://b"))


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
        max_leaves=8,
    )
)
def test_any_json_has_a_digest(value):
    assert digest(canonical(value)) == digest(canonical(value))
    if isinstance(value, dict):
        items = list(value.items())
        random.Random(1).shuffle(items)
        assert digest(canonical(dict(items))) == digest(canonical(value))


def test_digests_show_nothing_and_name_what_changed():
    before = field_digests({"prompt": "my secret prompt", "n": 1, "gone": 1})
    after = field_digests({"prompt": "another", "n": 1, "new": None})
    assert changed_fields(before, after) == ["gone", "new", "prompt"]
    assert changed_fields(before, before) == []
    assert all(len(d) == 12 for d in before.values())
    assert "secret" not in repr(before)
