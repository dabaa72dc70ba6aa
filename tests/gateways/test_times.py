"""Times of gateways: what is understood, and that nothing at all makes the functions fail."""

from __future__ import annotations

import math
from typing import Any

import pytest

from airflow_provider_orux.gateways.times import parse_time, retry_after

ODD: list[Any] = [
    10**400, -(10**400), float("nan"), float("inf"), float("-inf"), "nan", "inf", "1e999", "²", "", " ", "soon",
    "9" * 5000, "9999-99-99T00:00:00Z", "\ud800", "\x00", b"12", True, False, None, [], [1], {}, object(), 1 + 2j,
    "Wed, 99 Oct 2026 07:28:00 GMT", "Z", "ZZZZ", -1, "-1",
]  # fmt: skip


@pytest.mark.parametrize("value", [*ODD, 0, "0", 10**15])
def test_what_is_no_time_is_none(value):
    assert parse_time(value) is None


@pytest.mark.parametrize("value", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", 5e-324, "1_000"])
def test_a_time_is_finite_or_none(value):
    found = parse_time(value)
    assert found is None or math.isfinite(found)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (1765000000, 1765000000.0),
        ("1765000000", 1765000000.0),
        (1765000000123, 1765000000.123),
        (10.5, 10.5),
        ("1970-01-01T00:00:10", 10.0),
        ("1970-01-01T00:00:10Z", 10.0),
        (" 1970-01-01T01:00:10.5+01:00 ", 10.5),
    ],
)
def test_seconds_milliseconds_and_iso(value, seconds):
    assert parse_time(value) == seconds


@pytest.mark.parametrize("now", [None, 0.0, 1765000000.0])
@pytest.mark.parametrize("value", [*ODD, 86_400 * 7, "99999999999"])
def test_what_is_no_pause_is_none(value, now):
    assert retry_after(value, now=now) is None


def test_a_pause_in_seconds_or_until_a_date():
    assert [retry_after(v) for v in ("7", "0", " 1.5 ", 2)] == [7.0, 0.0, 1.5, 2.0]
    date = "Thu, 01 Jan 1970 00:01:40 GMT"
    assert (retry_after(date), retry_after(date, now=40.0), retry_after(date, now=500.0)) == (None, 60.0, 0.0)
