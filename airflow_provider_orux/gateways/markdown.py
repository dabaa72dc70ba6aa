"""The images in a text for people: markdown, HTML, or a URL alone. Linear in the length of the text.

A model that makes images and answers in words hands them out in one of these forms. A URL that is cut is an image that
is lost, although it was paid for.
"""

from __future__ import annotations

import re
from collections import deque
from itertools import islice

#: What may begin an image, name one, or end its description.
_TOKEN = re.compile(
    r"<(?P<auto>(?:https?://|data:)[^<>\s]*)>|<(?P<tag>img|video|audio|source|a)\b|!?\[|\](?P<target>\(\s*)"
    r"|\]\[(?P<name>[^\[\]]{0,999})\]|\](?P<definition>:\s*)|\]",
    re.IGNORECASE,
)
_ANGLED = re.compile(r"<([^<>\n]*)>")
_DATA = re.compile(r"data:[\w.+-]+/[\w.+-]+(?:;[\w=.+-]+)*,[\w+/%=-]+", re.IGNORECASE | re.ASCII)
#: The same between brackets, where base64 may be broken into lines.
_BROKEN_DATA = re.compile(r"data:[\w.+/;=-]*,[\w+/%=\s-]*", re.IGNORECASE | re.ASCII)
_WEB = re.compile(r"https?://", re.IGNORECASE)
_STOP = re.compile(r"[()\\\s]")
#: A URL with a space in it, which markdown does not know and models write: up to the bracket.
_SPACED = re.compile(r"[ \t]+[^()\s\"'][^()\n]{0,999}(?=\))")
_TITLE = re.compile(r"""\s*(?:"[^"\n]{0,999}"|'[^'\n]{0,999}')?\s*\)?""")
_ATTRIBUTE = re.compile(r"""\b(?:src|href)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""", re.IGNORECASE)
#: A URL in running text ends at white space, at what no URL has, or at punctuation of East Asia.
_BARE = re.compile(r"https?://[^\s<>\"`，。；！？）】」』》、]+", re.IGNORECASE)
#: An answer that is nothing but bytes: PNG, JPEG, WebP or GIF begin like this in base64.
_BYTES = re.compile(r"(?:iVBORw0KGgo|/9j/|UklGR|R0lGOD)[A-Za-z0-9+/_=\s-]{64,}")
_FILE = re.compile(
    r"\.(?:png|jpe?g|webp|gif|avif|svg|bmp|tiff?|mp4|webm|mov|mp3|wav|ogg|flac|m4a)\Z", re.IGNORECASE
)
_LETTER = re.compile(r"[^\W\d_]")
_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")

#: Images and other URLs of one text that are looked at.
_MOST = 1000
#: Brackets that are open at once.
_DEEPEST = 100


def images_in(text: str) -> list[str]:
    """The URLs, ``data:`` texts and base64 of the images in a text, each once, in their order.

    What is shown as an image counts. Where nothing is, the other URLs do if they name a media file, or if the text
    holds nothing else.
    """
    whole = text.strip()
    if _BYTES.fullmatch(whole):
        return [whole]
    found = _Found()
    found.scan(text)
    shown = [url for url in found.shown() if _is_url(url)]
    return list(dict.fromkeys(shown or found.unmarked(text)))


class _Found:
    """What one pass over a text finds, with the parts of the text that it is made of."""

    def __init__(self) -> None:
        #: A URL that is shown as an image, or the name of a reference.
        self._images: list[tuple[str, str]] = []
        self._others: list[str] = []
        self._references: dict[str, str] = {}
        self._spans: list[tuple[int, int]] = []

    def scan(self, text: str) -> None:
        """Find all images and other URLs that are marked as such."""
        opened: deque[tuple[bool, int]] = deque(maxlen=_DEEPEST)
        tags_end = True
        at = 0
        while len(self._images) + len(self._spans) < _MOST and (token := _TOKEN.search(text, at)):
            begin, at = token.span()
            if token["auto"]:
                self._note(token["auto"], begin, at)
            elif token["tag"]:
                end = text.find(">", at) if tags_end else -1
                tags_end = end >= 0
                source = _ATTRIBUTE.search(text, at, end) if tags_end else None
                if source is not None:
                    url = source[1] or source[2] or source[3] or ""
                    self._note(url, begin, end + 1, image=token["tag"].lower() != "a")
                    at = end + 1
            elif token[0].endswith("["):
                opened.append((token[0][0] == "!", at))
            else:
                is_image, start = opened.pop() if opened else (False, begin)
                label = text[start : min(begin, start + 1000)]
                if token["target"] is not None:
                    url, end = _target(text, at)
                    if url:
                        at = _end_of(_TITLE.match(text, end), end)
                        self._note(url, start - 1, at, image=is_image)
                elif token["definition"] is not None and not is_image:
                    url, end = _target(text, at)
                    if url:
                        self._references[_key(label)] = url
                        self._spans.append((start - 1, end))
                        at = end
                elif is_image:
                    self._images.append(("", _key(token["name"] or label)))

    def shown(self) -> list[str]:
        """What is shown as an image."""
        return [url or self._references.get(name, "") for url, name in self._images]

    def unmarked(self, text: str) -> list[str]:
        """The images of a text that shows none as such."""
        rest, at = [], 0
        for begin, end in sorted(self._spans):
            rest.append(text[at : max(begin, at)])
            at = max(end, at)
        plain = " ".join([*rest, text[at:]])
        data = [match[0] for match in islice(_DATA.finditer(plain), _MOST)]
        bare = [match[0] for match in islice(_BARE.finditer(plain), _MOST)]
        if [text.strip()] != bare:
            bare = [_without_punctuation(url) for url in bare]
        urls = [url for url in (*self._others, *self._references.values(), *bare) if _is_url(url)]
        alone = not _LETTER.search(_BARE.sub(" ", plain))
        return [*data, *(url for url in urls if alone or _names_a_file(url))]

    def _note(self, url: str, begin: int, end: int, *, image: bool = False) -> None:
        url = url.replace("&amp;", "&")
        if image:
            self._images.append((url, ""))
        else:
            self._others.append(url)
        self._spans.append((begin, end))


def _target(text: str, at: int) -> tuple[str, int]:
    """The URL after an opening bracket, and where it ends; "" if there is none."""
    if match := _ANGLED.match(text, at):
        return match[1].strip(), match.end()
    if (match := _BROKEN_DATA.match(text, at)) and match[0].rstrip()[-1] != ",":
        return "".join(match[0].split()), match.end()
    if not _WEB.match(text, at):
        return "", at
    depth, begin = 0, at
    while stop := _STOP.search(text, at):
        at = stop.end()
        if stop[0] == "\\":
            at += 1
        elif stop[0] == "(":
            depth += 1
        elif stop[0] == ")" and depth:
            depth -= 1
        else:
            at = stop.start()
            break
    else:
        at = len(text)
    if spaced := _SPACED.match(text, at):
        at = spaced.end()
    return _ESCAPED.sub(r"\1", text[begin:at].replace(" ", "%20")), at


def _end_of(match: re.Match[str] | None, otherwise: int) -> int:
    return otherwise if match is None else match.end()


def _key(label: str) -> str:
    """The names of references are compared without regard to case and white space."""
    return " ".join(label.split()).casefold()


def _is_url(text: str) -> bool:
    return _WEB.match(text) is not None or text[:5].lower() == "data:"


def _names_a_file(url: str) -> bool:
    return url[:5].lower() == "data:" or _FILE.search(url.partition("?")[0].partition("#")[0]) is not None


def _without_punctuation(url: str) -> str:
    """A URL in a sentence, without the sentence's punctuation; brackets that belong together stay."""
    surplus = {close: url.count(close) - url.count(open_) for open_, close in ("()", "[]", "{}")}
    end = len(url)
    while end and (url[end - 1] in ".,;:!?'*_~\\" or surplus.get(url[end - 1], 0) > 0):
        if url[end - 1] in surplus:
            surplus[url[end - 1]] -= 1
        end -= 1
    return url[:end]
