"""Each field of each Orux model against a literal copy of the vendor's tables: a drift of either side fails here.

The ids name model and field, so that the reference pages can point to them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from pydantic_core import PydanticUndefined

from airflow_provider_orux.models import catalogue, orux
from airflow_provider_orux.models.errors import InvalidRequestError
from airflow_provider_orux.models.requests import GenerationRequest

#: The table's "—": no default.
NONE = object()
LINK = "https://example.com/a.png"


@dataclass(frozen=True)
class Row:
    """One row of a per-model table (page Images)."""

    type: str
    default: Any = NONE
    values: tuple[str, ...] = ()
    low: int | None = None
    high: int | None = None
    required: bool = False
    most: int | None = None


PROMPT = Row("string", required=True)
WEBHOOK = Row("url")
SEED = Row("int")
N = Row("int", 1, low=1, high=4)
FLUX_RATIO = Row("enum", "1:1", ("21:9", "16:9", "4:3", "1:1", "3:4", "9:16"))
BOOL = Row("boolean", False)

#: The nine tables of the vendor's page Images, as they stand there.
TABLES: dict[str, dict[str, Row]] = {
    "gpt-image-2": {
        "prompt": PROMPT,
        "size": Row("enum", "1024x1024", ("1024x1024", "1536x1024", "1024x1536", "auto")),
        "quality": Row("enum", "auto", ("low", "medium", "high", "auto")),
        "n": N,
        "response_format": Row("enum", "url", ("url", "b64_json")),
        "webhook_url": WEBHOOK,
    },
    "gemini-3-pro-image": {
        "prompt": PROMPT,
        "aspect_ratio": Row("enum", "1:1", ("1:1", "16:9", "9:16", "4:3", "3:4", "21:9")),
        "n": N,
        "seed": SEED,
        "webhook_url": WEBHOOK,
    },
    "flux-kontext-pro": {
        "prompt": PROMPT,
        "aspect_ratio": FLUX_RATIO,
        "prompt_upsampling": BOOL,
        "seed": SEED,
        "reference_image_url": Row("url"),
        "webhook_url": WEBHOOK,
    },
    "flux-kontext-max": {
        "prompt": PROMPT,
        "aspect_ratio": FLUX_RATIO,
        "reference_image_url": Row("url"),
        "seed": SEED,
        "webhook_url": WEBHOOK,
    },
    "runway-gen4-image": {
        "prompt": PROMPT,
        "aspect_ratio": Row("enum", "16:9", ("16:9", "9:16", "1:1", "4:3", "3:4")),
        "reference_images": Row("array", most=3),
        "seed": SEED,
        "webhook_url": WEBHOOK,
    },
    "midjourney-v7": {
        "prompt": PROMPT,
        "aspect_ratio": Row("ratio"),
        "stylize": Row("int", 100, low=0, high=1000),
        "weird": Row("int", 0, low=0, high=3000),
        "chaos": Row("int", 0, low=0, high=100),
        "tile": BOOL,
        # Not in the table, but in the page's prose ("Reference images").
        "reference_images": Row("array"),
        "webhook_url": WEBHOOK,
    },
    "seedream-4-0": {
        "prompt": PROMPT,
        "size": Row("enum", "2K", ("1K", "2K", "4K")),
        "aspect_ratio": Row("enum", "1:1", ("1:1", "16:9", "9:16", "4:3", "3:4")),
        "watermark": BOOL,
        "webhook_url": WEBHOOK,
    },
    "qwen-image-edit": {"prompt": PROMPT, "image_url": Row("url", required=True), "webhook_url": WEBHOOK},
    "recraft-v3": {"prompt": PROMPT, "style": Row("string"), "webhook_url": WEBHOOK},
}

FIELDS = [pytest.param(m, f, row, id=f"{m}-{f}") for m, rows in TABLES.items() for f, row in rows.items()]
MODELS = [pytest.param(m, id=m) for m in TABLES]


def cls_of(model: str) -> type[GenerationRequest]:
    verb = "imagine" if model == "midjourney-v7" else "generate"
    (cls,) = [c for c in orux.REQUESTS if c.model == model and c.verb == verb]
    return cls


def make(model: str, **fields: Any) -> GenerationRequest:
    needed = {
        name: LINK if row.type == "url" else "a lighthouse"
        for name, row in TABLES[model].items()
        if row.required
    }
    return cls_of(model)(**{**needed, **fields})


def refused(model: str, **fields: Any) -> InvalidRequestError:
    with pytest.raises(InvalidRequestError) as caught:
        make(model, **fields)
    error = caught.value
    assert error.charged == "no"
    assert error.gateway == "orux"
    assert model in error.message
    return error


def values_of(row: Row) -> list[Any]:
    """Every value to accept that the table names, or one of each kind."""
    if row.type == "enum":
        return list(row.values)
    if row.type == "int":
        low, high = (0, 2**31) if row.low is None else (row.low, row.high)
        return [low, high, (low + high) // 2]
    return {
        "boolean": [True, False],
        "url": [LINK, "https://bücher.example/ü.png?x=1&y=2", "HTTPS://EXAMPLE.COM/A.JPG"],
        "array": [[LINK], [LINK] * (row.most or 1), []],
        "ratio": ["16:9", "2:3", "7:4", "1:1"],
        "string": ["digital_illustration", "ein Leuchtturm — 灯台 🗼", "{}"],
    }[row.type]


def bad_values_of(row: Row) -> list[Any]:
    """Values to refuse, and what the message must say besides."""
    if row.type == "enum":
        return [*(v + "x" for v in row.values), "", "  ", 7, row.values[0].upper() + " "]
    if row.type == "int":
        bounds = [] if row.low is None else [row.low - 1, row.high + 1, str(row.high + 1), -(10**9)]
        return [*bounds, "two", 1.5, "1.5", [1], {}]
    return {
        "boolean": ["perhaps", 2, "2", []],
        "url": ["http://example.com/a.png", "example.com/a.png", "ftp://x/a", "", "https://", "https:///a",
                "https://a b/c", "https://[::1/a", 5, [LINK, LINK], "file:///a.png", "/a.png", "javascript:alert(1)"],
        "array": [*([[LINK] * (row.most + 1)] if row.most else ()), ["http://example.com/a.png"], LINK, [5]],
        "ratio": ["16x9", "16:9:1", "0:1", "1:0", "a:b", "16:", ":9", "1.5:1", "-1:2", "16/9", "", "16 : 9",
                  "16:9\n"],
        "string": [5, ["a"], {"a": 1}, True],
    }[row.type]  # fmt: skip


def test_the_nine_models_are_all_there_and_no_other():
    known = {c.model for c in orux.REQUESTS if c.source.endswith("page Images")}
    assert known == set(TABLES)


@pytest.mark.parametrize("model", MODELS)
def test_the_fields_are_those_of_the_table_in_its_order(model):
    assert cls_of(model).field_names() == list(TABLES[model])


@pytest.mark.parametrize(("model", "name", "row"), FIELDS)
def test_field(model, name, row):
    """Required or not, default, every documented value, and the limits: as the table says."""
    info = cls_of(model).model_fields[name]
    assert info.is_required() is row.required
    if not row.required:
        assert info.default == (None if row.default is NONE else row.default)
    else:
        assert info.default is PydanticUndefined
    for value in values_of(row):
        request = make(model, **{name: value})
        assert getattr(request, name) == value
        assert request.fields()[name] == value
        assert type(request.fields()[name]) is type(value)
    for value in bad_values_of(row):
        error = refused(model, **{name: value})
        assert error.param == name, (value, error)
        assert f"`{name}` of {model}" in error.message
        if row.values:
            assert f"allowed: {', '.join(row.values)}." in error.message
        if row.low is not None and isinstance(value, int):
            assert f"allowed: {row.low} to {row.high}." in error.message


@pytest.mark.parametrize(("model", "name", "row"), FIELDS)
def test_a_rendered_string_is_taken(model, name, row):
    """Templates render to strings: "2" and "true" are numbers and booleans."""
    if row.type == "int":
        assert make(model, **{name: "2"}).fields()[name] == 2
        assert make(model, **{name: " 2 "}).fields()[name] == 2
    elif row.type == "boolean":
        for text, value in (("true", True), ("True", True), ("false", False), ("False", False), ("1", True)):
            assert make(model, **{name: text}).fields()[name] is value
    else:
        value = values_of(row)[0]
        assert make(model, **{name: value}).fields()[name] == value


@pytest.mark.parametrize(("model", "name", "row"), FIELDS)
def test_what_was_not_given_is_not_sent(model, name, row):
    request = make(model)
    assert set(request.fields()) == {n for n, r in TABLES[model].items() if r.required}
    if not row.required:
        assert name not in make(model, **{name: None}).fields()
        # A default that was written down is sent: the author said it.
        if row.default is not NONE:
            assert make(model, **{name: row.default}).fields()[name] == row.default


@pytest.mark.parametrize(("model", "name", "row"), FIELDS)
def test_a_missing_field(model, name, row):
    if not row.required:
        make(model)
        return
    for missing in ({name: None}, {}):
        others = {
            n: LINK if r.type == "url" else "x" for n, r in TABLES[model].items() if r.required and n != name
        }
        with pytest.raises(InvalidRequestError) as caught:
            cls_of(model)(**others, **missing)
        assert caught.value.param == name
        assert f"`{name}` is missing: {model} needs it." in caught.value.message


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("prompt", ["", "   ", "\n\t", "x" * 4001])
def test_an_empty_or_endless_prompt(model, prompt):
    error = refused(model, prompt=prompt)
    assert error.param == "prompt"
    if len(prompt) > 4000:
        assert "4001 characters; allowed: at most 4000" in error.message
        assert len(error.message) < 300
    make(model, prompt="x" * 4000)


@pytest.mark.parametrize("model", MODELS)
def test_the_shared_table_does_not_hold(model):
    """`user`, `quality: hd` and 1024x1792 stand in the shared table only; the gateway refuses unknown fields."""
    assert refused(model, user="me").param == "user"
    if "quality" in TABLES[model]:
        refused(model, quality="hd")
    if "size" in TABLES[model]:
        refused(model, size="1024x1792")


@pytest.mark.parametrize(
    ("model", "wrong", "right"),
    [
        ("gpt-image-2", "quallity", "quality"),
        ("gpt-image-2", "Size", "size"),
        ("gpt-image-2", "promt", "prompt"),
        ("flux-kontext-pro", "reference_image", "reference_image_url"),
        ("flux-kontext-pro", "aspectratio", "aspect_ratio"),
        ("runway-gen4-image", "reference_image_url", "reference_images"),
        ("midjourney-v7", "stylise", "stylize"),
        ("seedream-4-0", "watermrk", "watermark"),
        ("qwen-image-edit", "image", "image_url"),
        ("recraft-v3", "styl", "style"),
    ],
)
def test_the_nearest_right_name(model, wrong, right):
    error = refused(model, **{wrong: "x"})
    assert error.param == wrong
    assert f"`{wrong}` is not a field of {model}; did you mean `{right}`?" in error.message
    assert f"Its fields: {', '.join(TABLES[model])}." in error.message


@pytest.mark.parametrize(
    ("model", "name", "wrong", "right"),
    [
        ("gpt-image-2", "quality", "hihg", "high"),
        ("gpt-image-2", "size", "1024X1024", "1024x1024"),
        ("gemini-3-pro-image", "aspect_ratio", "16:09", "16:9"),
        ("seedream-4-0", "size", "2k", "2K"),
        ("gpt-image-2", "response_format", "b64json", "b64_json"),
    ],
)
def test_the_nearest_right_value(model, name, wrong, right):
    assert f"Did you mean {right!r}?" in refused(model, **{name: wrong}).message


def test_no_hint_where_nothing_is_near():
    message = refused("gpt-image-2", zzzzzz=1).message
    assert "did you mean" not in message
    assert "`zzzzzz` is not a field of gpt-image-2. Its fields:" in message


def test_several_faults_are_told_at_once():
    error = refused("gpt-image-2", n=9, quality="hd", siez="auto")
    assert all(
        word in error.message for word in ("`n` of", "allowed: 1 to 4", "`quality` of", "`siez` is not")
    )


@pytest.mark.parametrize("model", MODELS)
def test_a_key_in_a_wrong_value_is_not_repeated(model):
    key = "sk-app-abcdefgh_" + "A" * 48
    error = refused(model, webhook_url=key)
    assert key not in str(error) + repr(error)


@pytest.mark.parametrize("model", MODELS)
def test_a_request_does_not_change_and_is_no_dict(model):
    request = make(model)
    with pytest.raises(Exception, match="frozen"):
        request.prompt = "other"


# -- extra_body -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("model", MODELS)
def test_extra_body_passes_a_field_of_tomorrow(model):
    request = make(model, extra_body={"brand_new": {"deep": [1, None, True]}})
    assert request.extra_body == {"brand_new": {"deep": [1, None, True]}}
    assert "extra_body" not in request.fields()
    assert "brand_new" not in request.fields()
    assert "brand_new" not in repr(request)


@pytest.mark.parametrize(("model", "name", "row"), FIELDS)
def test_extra_body_does_not_shadow_a_field(model, name, row):
    error = refused(model, extra_body={name: values_of(row)[0]})
    assert error.param == name
    assert f"`{name}` in extra_body: {model} has a field of that name" in error.message


@pytest.mark.parametrize("wrong", ["text", 5, [1], {"x": object()}])
def test_extra_body_is_json(wrong):
    assert refused("gpt-image-2", extra_body=wrong).param == "extra_body"


# -- follow-ups -----------------------------------------------------------------------------------------------
FOLLOW_UPS = {c.verb: c for c in (orux.MidjourneyUpscale, orux.MidjourneyVariation, orux.MidjourneyReroll)}


@pytest.mark.parametrize("verb", ["upscale", "variation"])
@pytest.mark.parametrize("index", [1, 2, 3, 4, "1", "4"])
def test_follow_up_index(verb, index):
    assert FOLLOW_UPS[verb](parent_job_id="task_1", index=index).fields() == {
        "parent_job_id": "task_1",
        "index": int(index),
    }


@pytest.mark.parametrize("verb", ["upscale", "variation"])
@pytest.mark.parametrize("index", [0, 5, -1, "5", "two", 1.5, ""])
def test_follow_up_wrong_index(verb, index):
    with pytest.raises(InvalidRequestError) as caught:
        FOLLOW_UPS[verb](parent_job_id="task_1", index=index)
    assert caught.value.param == "index"
    assert f"`index` of midjourney-v7 {verb}" in caught.value.message
    if isinstance(index, int):
        assert "allowed: 1 to 4" in caught.value.message


@pytest.mark.parametrize("verb", FOLLOW_UPS)
@pytest.mark.parametrize("parent", [None, "", "  "])
def test_follow_up_needs_its_parent(verb, parent):
    index = {} if verb == "reroll" else {"index": 1}
    with pytest.raises(InvalidRequestError) as caught:
        FOLLOW_UPS[verb](parent_job_id=parent, **index)
    assert caught.value.param == "parent_job_id"


def test_reroll_has_no_index():
    with pytest.raises(InvalidRequestError) as caught:
        orux.MidjourneyReroll(parent_job_id="task_1", index=1)
    assert caught.value.param == "index"


def test_an_index_is_missing():
    with pytest.raises(InvalidRequestError, match="`index` is missing: midjourney-v7 upscale needs it"):
        orux.MidjourneyUpscale(parent_job_id="task_1")


# -- audio: the shared body of the page Audio, and what its matrix shows of each model -----------------------------
AUDIO = {
    "suno-v5": (["prompt", "lyrics", "duration", "instrumental", "webhook_url"], {"prompt": "x"}),
    "suno-extend": (
        ["parent_job_id", "prompt", "lyrics", "duration", "instrumental", "webhook_url"],
        {"prompt": "x", "parent_job_id": "task_1"},
    ),
    "elevenlabs-v3": (["text", "voice_id", "voice_model_id", "webhook_url"], {"text": "x"}),
    "elevenlabs-music": (["prompt", "duration", "webhook_url"], {"prompt": "x"}),
}


def of_model(model):
    (cls,) = [c for c in orux.REQUESTS if c.model == model]
    return cls


@pytest.mark.parametrize("model", AUDIO)
def test_audio_table(model):
    cls, (names, required) = of_model(model), AUDIO[model]
    assert cls.kind == "audio"
    assert cls.field_names() == names
    assert {n for n, i in cls.model_fields.items() if i.is_required()} == set(required)
    for name in required:
        with pytest.raises(InvalidRequestError, match="is missing"):
            cls(**{k: v for k, v in required.items() if k != name})
    if "duration" not in names:
        return
    assert cls.model_fields["duration"].default == 60
    assert cls(**required, duration="240").fields()["duration"] == 240
    for wrong in (29, 241):
        with pytest.raises(InvalidRequestError, match="allowed: 30 to 240"):
            cls(**required, duration=wrong)


def test_speech_has_no_prompt():
    with pytest.raises(InvalidRequestError, match="`prompt` is not a field of elevenlabs-v3") as caught:
        orux.ElevenLabsV3(text="Good morning.", prompt="calm")
    assert "text, voice_id, voice_model_id" in caught.value.message
    assert orux.ElevenLabsV3(text="x", voice_model_id="eleven_v3").model_id == "elevenlabs-v3"


# -- the steps on a Suno song, as the page names them -------------------------------------------------------------
STEPS = ["extend", "cover", "lyrics", "add-vocals", "instrumental", "mashup", "stem", "mv", "wav", "cover-img",
         "replace", "persona", "upload-extend"]  # fmt: skip


def test_every_step_has_a_request():
    assert sorted(c.step for c in orux.REQUESTS if issubclass(c, orux.SunoStep)) == sorted(STEPS)


@pytest.mark.parametrize("step", STEPS)
def test_a_step_names_its_song(step):
    cls = of_model(f"suno-{step}")
    assert cls.step == step
    assert cls.model_fields.get("parent_job_id") or step == "upload-extend"
    kind = {"mv": "video", "cover-img": "image", "lyrics": "text"}.get(step, "audio")
    assert cls.kind == kind
    if step not in ("lyrics", "upload-extend"):
        with pytest.raises(InvalidRequestError, match="`parent_job_id` is missing"):
            cls(prompt="x") if "prompt" in cls.model_fields else cls()


# -- video: what the matrix of the page Videos shows --------------------------------------------------------------
# model: fields in the matrix's order (webhook_url apart), those that are needed besides the prompt, good lengths, bad
VIDEO = {
    "veo-3.1-quality": (["prompt", "aspect_ratio", "audio", "image_url"], [], [], []),
    "veo-3.1-fast": (["prompt", "aspect_ratio", "audio", "image_url"], [], [], []),
    "sora2": (["prompt", "duration", "aspect_ratio"], [], [5, "10"], [4, 8, 12]),
    "runway-gen3-alpha-turbo": (["prompt", "image_url", "duration"], ["image_url"], [5, 10], [7]),
    "runway-gen4": (["prompt", "image_url", "duration"], [], [5, 7, "10"], [0, 11]),
    "runway-aleph": (["prompt", "video_url"], ["video_url"], [], []),
    "kling-v21-master-i2v": (["prompt", "image_url", "duration"], ["image_url"], [5, 10], [6]),
    "kling-v21-master-t2v": (["prompt", "duration"], [], [5, 10], [6]),
    "kling-v25-i2v-pro": (["prompt", "image_url", "duration"], ["image_url"], [5, 10], [6]),
    "runway-act-two": (
        ["character_video_url", "driver_video_url"], ["character_video_url", "driver_video_url"], [], [],
    ),
}  # fmt: skip
CLIP = "https://example.com/a"


@pytest.mark.parametrize("model", VIDEO)
def test_video_table(model):
    cls, (names, needed, good, bad) = of_model(model), VIDEO[model]
    assert cls.kind == "video"
    assert cls.field_names() == [*names, "webhook_url"]
    least = dict.fromkeys(needed, CLIP) | ({"prompt": "x"} if "prompt" in names else {})
    for name in least:
        with pytest.raises(InvalidRequestError, match=f"`{name}` is missing"):
            cls(**{k: v for k, v in least.items() if k != name})
    assert cls(**least).fields() == least  # what is not given is not sent
    for value in good:
        assert cls(**least, duration=value).fields()["duration"] == int(value)
    for value in bad:
        with pytest.raises(InvalidRequestError, match="`duration`") as caught:
            cls(**least, duration=value)
        assert "allowed: " in caught.value.message
    if "duration" not in names:
        with pytest.raises(InvalidRequestError, match="`duration` is not a field"):
            cls(**least, duration=8)
    # What the page may not show passes as it is.
    assert cls(**least, extra_body={"seed": 7}).extra_body == {"seed": 7}


@pytest.mark.parametrize("model", ["veo-3.1-quality", "veo-3.1-fast", "sora2"])
def test_what_only_the_maker_documents_is_a_warning(model):
    cls = of_model(model)
    assert cls(prompt="x", aspect_ratio="9:16").warnings() == []
    (said,) = cls(prompt="x", aspect_ratio="4:3").warnings()
    assert "4:3" in said
    assert cls(prompt="x").warnings() == []
    assert len(orux.RunwayGen4(prompt="x", duration=7).warnings()) == 1


# -- what every class says of itself ----------------------------------------------------------------------------
@pytest.mark.parametrize("cls", orux.REQUESTS, ids=lambda c: c.__name__)
def test_every_class_names_its_source(cls):
    assert cls.gateway == "orux"
    assert cls.source.startswith("Orux AI documentation, page ")
    assert cls.__doc__


def test_inline_and_count():
    assert make("gpt-image-2", response_format="b64_json").makes_inline
    assert not make("gpt-image-2").makes_inline
    assert not make("midjourney-v7").makes_inline
    assert make("gpt-image-2", n=3).count == 3
    assert make("gpt-image-2").count == 1
    assert make("midjourney-v7").count is None


def test_the_catalogue_holds_all_of_them():
    assert set(orux.REQUESTS) <= set(catalogue.requests_of())
    pairs = [(c.model, c.verb) for c in orux.REQUESTS]
    assert len(pairs) == len(set(pairs))
