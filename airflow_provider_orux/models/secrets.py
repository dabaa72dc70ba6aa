"""Blanks a key out of a text, also where it is spelled another way: percent-encoded, escaped, base64, hexadecimal."""

from __future__ import annotations

import base64
import functools
import re

#: Shortest secret that is blanked, in characters: a shorter one occurs in any text.
SHORTEST = 4
#: Shortest part of a secret that is recognised in base64, in characters.
_SHORTEST_BASE64 = 8
#: Without one of these, a text spells no character in another way.
_ESCAPES = "%\\&\0"


#: What makes a URL open for whoever has it, as S3, GCS, Azure and others name it; also where the URL is itself encoded.
_SIGNATURE = (
    r"(?i)((?:[?&;]|%3F|%26|u0026)(?:x-(?:amz|goog)-(?:signature|security-token|credential)|signature|sig|awsaccesskeyid"
    r"|googleaccessid|token))(=|%3D)[^&\s\"'<>\\;]{1,8192}"
)


def without_signatures(text: str) -> str:
    """The text with ``***`` for the signature in a presigned URL: nobody can use the URL any more."""
    return re.sub(_SIGNATURE, r"\1\2***", text) if "=" in text or "%3" in text else text


def blank(text: str, secret: str | None) -> str:
    """The text with this secret replaced by ``***``, in any of its spellings.

    :param secret: a key or a token; None, or one of less than 4 characters: the text as it is.
    """
    if not secret or len(secret) < SHORTEST:
        return text
    text = text.replace(secret, "***")
    others, escaped = _spellings(secret)
    for other in others:
        # Not a regular expression: a text may be an image of 100 MB.
        if other in text:
            text = text.replace(other, "***")
    return escaped.sub("***", text) if any(sign in text for sign in _ESCAPES) else text


@functools.lru_cache(maxsize=64)
def _spellings(secret: str) -> tuple[tuple[str, ...], re.Pattern[str]]:
    """The spellings that are fixed texts, and a pattern of those in which any character may be escaped."""
    raw = secret.encode("utf-8", "surrogatepass")
    fixed = {raw.hex(), raw.hex().upper()}
    # Base64 spells a text in three ways, by its place among the bytes around it.
    for before in range(3):
        packed = base64.b64encode(b"\0" * before + raw)
        whole = packed[(before * 8 + 5) // 6 : (before + len(raw)) * 8 // 6].decode()
        if len(whole) >= _SHORTEST_BASE64:
            fixed |= {whole, whole.replace("+", "-").replace("/", "_")}
    return tuple(sorted(fixed, key=len, reverse=True)), re.compile(r"\0{0,3}".join(map(_escaped, secret)))


def _escaped(character: str) -> str:
    """A pattern of a character as it is, and as URLs, JSON, C and HTML escape it."""
    # All repetitions are bounded: a text of nothing but escapes must not take quadratic time.
    code = ord(character)
    octets = "".join(
        f"(?:%(?:25){{0,3}}|\\\\{{1,4}}x){_either_case(f'{b:02x}')}"
        for b in character.encode("utf-8", "replace")
    )
    ways = [
        re.escape(character),
        octets,
        rf"&#0{{0,7}}{code};",
        rf"&#[xX]0{{0,7}}{_either_case(f'{code:x}')};",
    ]
    units = character.encode("utf-16-be", "surrogatepass").hex()
    ways.append("".join(rf"\\{{1,4}}u{_either_case(units[i : i + 4])}" for i in range(0, len(units), 4)))
    ways.append(rf"\\{{1,4}}u\{{0{{0,7}}{_either_case(f'{code:x}')}\}}")
    if not character.isalnum():
        ways.append(rf"\\{{1,4}}{re.escape(character)}")
    return f"(?:{'|'.join(ways)})"


def _either_case(digits: str) -> str:
    return "".join(f"[{d}{d.upper()}]" if d.isalpha() else d for d in digits)
