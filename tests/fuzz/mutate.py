"""Seeded mutations of a valid JSON answer: what a broken, careless or hostile gateway may make of it."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from random import Random
from typing import Any

#: Values that were found to break a reader, and their like.
NASTY: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 7, 10**20, 10**400, -(10**400), 1e308, float("nan"), float("inf"), 0.1, "", " ", "0", "1",
    "²", "٣", "१२", "-0", "+1", "1e5", "9" * 5000, "null", "None", "undefined", "NaN", "\x00", "\x1b[2J", "\u202e", "\u2028",
    "\ud83d", "\udc00x", "\ufffe", "é" * 300, "💥", "a/b", "../x", "..", ".", "a b", "a?b#c", "x" * 501, "x" * 10_000,
    "=cmd|' /C calc'!A0", "-task", "path:%2Fv2%2Ftasks%2Fx", "path:x", "mj:1", "https://", "https:///x", "HTTPS://A/1.PNG",
    "http://xn--/1.png", "https://[::1", "//a/1.png", "javascript:alert(1)", "file:///etc/passwd", "ftp://a/b", " https://a/1 ",
    "https://a/" + "x" * 20_000, "https://user:pass@a/1.png?sig=1", "https://a/\n1.png", "data:", "data:,", "data:image/png,x",
    "data:image/png;base64,iVBORw0KGgo=", "DATA:text/html;base64,PGI+", "iVBORw0KGgo", "A" * 64, "====", "!!!!",
    "![x](https://a/1.png)", "![](" * 50, "<img src=https://a/1.png>", "[a]: https://a/1", "SUCCESS", "succeeded", "FAILED",
    "Expired", "CANCEL", "MODAL", "in progress", "success", "do_request_failed", "quota_not_enough x", "task_no_found",
    "sk-app-Ab3dEf9h_0123456789abcdefghijABCDEFGHIJ0123456789abcdefgh", "Bearer abcdefgh12345678", "relay_sk_abcdefgh",
    [], {}, [[]], [{}], [None], {"": None}, {"url": None}, {"message": {"message": "x"}}, {"code": []}, [["a"]] * 3,
    2000, 1201, 3, 4, 9, 21, 22, 23, 24, 5000, "24", "23 ", 24.0, 4e0,
)  # fmt: skip

#: Fields that some reader looks at, wherever they stand.
FIELDS: tuple[str, ...] = (
    "task_id", "taskId", "job_id", "jobId", "run_id", "poll_url", "id", "result", "data", "status", "task_status", "code",
    "error", "message", "description", "detail", "error_code", "error_message", "error_detail", "err_reason", "fail_reason",
    "failReason", "properties", "imageUrl", "url", "urls", "images", "videos", "audio_url", "audio_base64", "b64_json", "text",
    "task_result", "results", "output", "result_urls", "created", "created_at", "submit_time", "finish_time", "model", "alias",
    "action", "prompt", "finalPrompt", "choices", "content", "pricing", "per_image", "per_image_resolution", "revised_prompt",
    "task_address", "is_image_safe", "request_id", "param", "channel", "type", "filtered", "Task_ID", "",
)  # fmt: skip

Place = tuple[Any, Any]


def mutated(body: Any, random: Random) -> Any:
    """A copy of a JSON value with one to four things wrong with it."""
    try:
        return _mutated(body, random)
    except RecursionError:  # nested twice: deeper than our own tools go
        return mutated(body, random)


def _mutated(body: Any, random: Random) -> Any:
    value = {"": copy.deepcopy(body)}
    for _ in range(random.choice((1, 1, 1, 2, 2, 3, 4))):
        container, key = random.choice(_places(value))
        random.choice(_WAYS)(container, key, random)
    json.dumps(value)
    return value.get("")


def encoded(value: Any, random: Random) -> bytes:
    """The value as bytes: mostly plain JSON, sometimes in another encoding, cut or with rubbish around it."""
    if random.random() < 0.8:
        return json.dumps(value).encode()
    text = json.dumps(value, ensure_ascii=False)
    way = random.randrange(9)
    if way == 0:
        return text.encode("utf-8", "surrogatepass")
    if way == 1:
        return text.encode("utf-16", "surrogatepass")
    if way == 2:
        return b"\xef\xbb\xbf" + json.dumps(value).encode()
    if way == 3:
        return text.encode("latin-1", "replace")
    raw = json.dumps(value).encode()
    if way == 4:
        return raw[: random.randrange(len(raw) + 1)]
    if way == 5:
        at = random.randrange(len(raw) + 1)
        return raw[:at] + random.choice((b"\x00", b"\xff", b"{", b"]", b"\\", b'"', b"9" * 5000)) + raw[at:]
    if way == 6:
        return b"\r\n " + raw + random.choice((b"", b"\n\n", b"{}", b"\x00", b"<!-- x -->"))
    if way == 7:
        return raw.replace(b'": ', b'": ' + random.choice((b" ", b"\n\t")), 3)
    # A name twice: which of the two counts is up to the reader, but it is one of them.
    return raw.replace(b"{", b'{"status": "SUCCESS", "task_id": null, ', 1)


def _places(value: Any) -> list[Place]:
    places: list[Place] = []
    todo = [value]
    while todo:
        item = todo.pop()
        inner = list(item.items()) if isinstance(item, dict) else list(enumerate(item))
        places += [(item, key) for key, _ in inner]
        todo += [part for _, part in inner if isinstance(part, (dict, list)) and part and len(part) < 1000]
    return places


def _replace(container: Any, key: Any, random: Random) -> None:
    container[key] = copy.deepcopy(random.choice(NASTY))


def _delete(container: Any, key: Any, random: Random) -> None:
    del container[key]
    if key == "" and not container:
        container[""] = None


def _duplicate(container: Any, key: Any, random: Random) -> None:
    times = random.choice((2, 3, 20))
    if isinstance(container, list):
        container[key:key] = [copy.deepcopy(container[key]) for _ in range(times)]
    else:
        container[random.choice(FIELDS)] = copy.deepcopy(container[key])


def _retype(container: Any, key: Any, random: Random) -> None:
    value = container[key]
    if isinstance(value, str):
        ways: tuple[Any, ...] = (
            [value],
            {"value": value},
            {"url": value},
            value[:100].encode("utf-8", "replace").hex(),
            len(value),
            value.split(),
        )
    elif isinstance(value, bool) or value is None:
        ways = (str(value), 0, [], {})
    elif isinstance(value, (int, float)):
        ways = (str(value), [value], {"value": value}, -value, float(value) if abs(value) < 1e300 else "big")
    elif isinstance(value, list):
        ways = (dict(enumerate(map(str, value))), value[:1], value[0] if value else None, str(value)[:5000])
    else:
        ways = (
            list(map(list, value.items())),
            list(value.values()),
            str(value)[:5000],
            json.dumps(value)[:5000],
        )
    container[key] = random.choice(ways)


def _nest(container: Any, key: Any, random: Random) -> None:
    depth = random.choice((1, 1, 2, 5, 50, 800))
    name = random.choice((None, *FIELDS))
    for _ in range(depth):
        container[key] = [container[key]] if name is None else {name: container[key]}


def _swap(container: Any, key: Any, random: Random) -> None:
    other = random.choice(list(container) if isinstance(container, dict) else range(len(container)))
    container[key], container[other] = container[other], container[key]


def _add(container: Any, key: Any, random: Random) -> None:
    place = container[key]
    if isinstance(place, dict):
        place[random.choice(FIELDS)] = copy.deepcopy(random.choice(NASTY))
    elif isinstance(place, list):
        place.insert(random.randrange(len(place) + 1), copy.deepcopy(random.choice(NASTY)))
    else:
        _replace(container, key, random)


def _respell(container: Any, key: Any, random: Random) -> None:
    value = container[key]
    if not isinstance(value, str):
        _retype(container, key, random)
        return
    at = random.randrange(len(value) + 1)
    container[key] = random.choice(
        (
            value.upper(), value.lower(), value.title(), f" {value}\n", value[:at], value[at:], value + value,
            value[:at] + random.choice(("\ud83d", "\x00", "\n", " ", "/", "%", "\u202e", "\\", '"')) + value[at:],
            value.replace("https", "http"), f"data:image/png;base64,{value}", value.rstrip("="), value[::-1],
        )
    )  # fmt: skip


def _enlarge(container: Any, key: Any, random: Random) -> None:
    """Rare and large: a text of a megabyte, or as many values as fit."""
    if random.random() < 0.97:
        _replace(container, key, random)
        return
    value = container[key]
    container[key] = random.choice(
        (
            "w" * 1_000_000,
            "https://a/" + "x" * 1_000_000,
            "data:image/png;base64," + "A" * 2_000_000,
            "http://a " * 100_000,
            "![](" * 200_000,
            [value] * min(20_000, 2_000_000 // (len(str(value)) + 1)),
            [{}] * 150_000,
            [[]] * 400_000,
            {str(n): n for n in range(60_000)},
            [{"task_id": None}] * 50_000,
        )
    )


_WAYS: tuple[Callable[[Any, Any, Random], None], ...] = (
    _replace, _replace, _replace, _delete, _duplicate, _retype, _retype, _nest, _swap, _add, _add, _respell, _enlarge,
)  # fmt: skip
