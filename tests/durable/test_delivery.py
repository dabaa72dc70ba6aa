"""From an ended job to a result: price, files, manifest, XComs, asset events."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from airflow_provider_orux.durable import delivery as module
from airflow_provider_orux.durable.asset_events import asset_uri
from airflow_provider_orux.durable.delivery import Delivery, is_result
from airflow_provider_orux.hooks.connection import read_connection
from airflow_provider_orux.models import opengpu_relay, orux, yescale
from airflow_provider_orux.models.errors import (
    ArtifactError,
    ArtifactURLExpiredError,
    ConfigurationError,
    InvalidRequestError,
    JobExpiredError,
    JobFailedError,
)
from airflow_provider_orux.models.job import Artifact, Job, JobStatus
from airflow_provider_orux.models.orux import MidjourneyUpscale as Upscale
from airflow_provider_orux.models.requests import CustomRequest
from tests.durable.fakes import FLUX, IMAGE, IMAGINE, Log, done

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC"
)
INLINE = Artifact(inline=base64.b64encode(PNG).decode())


class Ti(SimpleNamespace):
    def xcom_push(self, key, value):
        self.xcoms[key] = value

    def xcom_pull(self, *, task_ids, key, map_indexes):
        return self.xcoms.get(key)


def delivery(**more):
    connection = read_connection(
        conn_id="orux_default",
        conn_type="orux",
        host=None,
        port=None,
        schema=None,
        password="k" * 8,
        extra={},
    )
    ti = Ti(dag_id="d", run_id="r", task_id="t", map_index=-1, try_number=1, max_tries=3, xcoms={})
    context = {"ti": ti, "outlet_events": more.pop("events", {})}
    return Delivery(conn_id="orux_default", connection=connection, context=context, log=Log(), **more)


def xcoms(it):
    return it._context["ti"].xcoms


def inline(count=1, **facts):
    facts = {"charged": "yes", **facts}
    return Job("job-1", JobStatus.SUCCEEDED, "orux", artifacts=(INLINE,) * count, **facts)


# -- before it is paid for -------------------------------------------------------------------------------------
def test_bytes_in_the_answer_need_somewhere_to_go():
    request = orux.GptImage2(prompt="a", response_format="b64_json")
    with pytest.raises(InvalidRequestError) as caught:
        delivery().check(request, waits_for_result=True)
    assert (caught.value.charged, caught.value.param) == ("no", "save_to")


def test_a_task_that_does_not_wait_needs_no_place():
    delivery().check(orux.GptImage2(prompt="a", response_format="b64_json"), waits_for_result=False)


def test_a_destination_is_tried_before_it_is_paid_for(tmp_path):
    delivery(save_to=f"file://{tmp_path}").check(IMAGE, waits_for_result=True)
    with pytest.raises(ConfigurationError):
        delivery(save_to="nowhere").check(IMAGE, waits_for_result=True)


def test_input_images_are_read_right_before_the_request_is_sent(tmp_path, monkeypatch):
    monkeypatch.setenv("AIRFLOW__ORUX__INPUT_ROOTS", str(tmp_path))
    (tmp_path / "in.png").write_bytes(PNG)
    request = FLUX.model_copy(update={"input_image": str(tmp_path / "in.png")})
    assert delivery().read_inputs(request).input_image.startswith("data:image/png;base64,")
    assert delivery().read_inputs(IMAGINE) is IMAGINE


# -- what is delivered -----------------------------------------------------------------------------------------
def test_artifacts_are_saved_and_the_manifest_says_how_they_came_to_be(tmp_path):
    it = delivery(save_to=f"file://{tmp_path}")
    result = it.deliver(inline(), request=IMAGINE, facts={"fingerprint": "f"})
    assert Path(result["artifacts"][0]["uri"].removeprefix("file://")).read_bytes() == PNG
    manifest = json.loads((tmp_path / "job-1" / "manifest.json").read_text())
    assert (manifest["prompt"], manifest["job_id"], manifest["fingerprint"]) == ("a lighthouse", "job-1", "f")
    assert result["manifest"].endswith("job-1/manifest.json")


def test_a_prompt_may_be_kept_as_a_hash_only(tmp_path):
    delivery(save_to=f"file://{tmp_path}", record_prompt="hash").deliver(inline(), request=IMAGINE)
    text = (tmp_path / "job-1" / "manifest.json").read_text()
    assert "lighthouse" not in text
    assert "prompt_sha256" in text


SECRET = "a lighthouse of the new campaign"


@pytest.mark.parametrize(
    "request_of",
    [
        lambda: orux.MidjourneyV7(
            prompt=SECRET, extra_body={"style_note": SECRET, "deep": [{SECRET: {"x": [SECRET]}}]}
        ),
        lambda: orux.SunoV5(prompt=SECRET, lyrics=SECRET),
        lambda: yescale.SunoMusic(gpt_description_prompt=SECRET, title=SECRET, tags=SECRET),
        lambda: yescale.MidjourneyImagine(prompt=SECRET, state=SECRET),
        lambda: yescale.KlingImage(prompt=SECRET, negative_prompt=SECRET),
        lambda: yescale.IdeogramGenerate(prompt=SECRET, color_palette={"members": [{"name": SECRET}]}),
        lambda: opengpu_relay.RealisticVision(prompt=SECRET, negative_prompt=SECRET),
        lambda: CustomRequest(
            name="video-1", body={"prompt": SECRET, "n": 2, "input": {"prompts": [SECRET]}}
        ),
        lambda: CustomRequest(
            name="chat-1",
            body={"messages": [{"role": "user", "content": [{"type": "text", "text": SECRET}]}]},
        ),
    ],
    ids=range(9),
)
@pytest.mark.parametrize("record_prompt", ["hash", "none"])
def test_no_text_of_the_author_is_recorded_at_any_depth(tmp_path, request_of, record_prompt):
    request = request_of()
    delivery(save_to=f"file://{tmp_path}/full").deliver(inline(), request=request)
    assert SECRET in (tmp_path / "full" / "job-1" / "manifest.json").read_text()
    delivery(save_to=f"file://{tmp_path}/{record_prompt}", record_prompt=record_prompt).deliver(
        inline(), request=request
    )
    text = (tmp_path / record_prompt / "job-1" / "manifest.json").read_text()
    assert "lighthouse" not in text
    digest = hashlib.sha256(SECRET.encode()).hexdigest()
    assert (digest in text) is (record_prompt == "hash")
    assert json.loads(text)["model"] == request.model_id


@pytest.mark.parametrize(("record_prompt", "kept"), [("full", True), ("hash", False), ("none", False)])
def test_a_message_that_quotes_the_prompt_is_logged_as_chosen(record_prompt, kept):
    request = CustomRequest(
        name="chat-1", body={"messages": [{"content": SECRET}], "n": "4", "prompt": "fox den"}
    )
    message = f"The word fox in 'fox den' after '{SECRET}' is refused (4)"
    said = delivery(record_prompt=record_prompt).private(message, request)
    assert (said == message) is kept
    if not kept:
        assert (
            said == "The word fox in '(a text of the request)' after '(a text of the request)' is refused (4)"
        )


def test_what_is_no_text_of_the_author_is_recorded(tmp_path):
    request = orux.MidjourneyV7(prompt=SECRET, aspect_ratio="16:9", stylize=250)
    delivery(save_to=f"file://{tmp_path}", record_prompt="hash").deliver(inline(), request=request)
    manifest = json.loads((tmp_path / "job-1" / "manifest.json").read_text())
    assert manifest["parameters"] == {"aspect_ratio": "16:9", "stylize": 250}
    assert manifest["prompt_sha256"] == hashlib.sha256(SECRET.encode()).hexdigest()


@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")
def test_every_field_that_takes_free_text_is_the_authors_unless_it_is_known_not_to_be():
    from airflow_provider_orux.models.catalogue import requests_of

    asked = {
        "prompt",
        "negative_prompt",
        "lyrics",
        "text",
        "gpt_description_prompt",
        "title",
        "tags",
        "state",
        "color_palette",
        "user",
    }
    found = set()
    for cls in requests_of():
        fields = dict.fromkeys(cls.field_names(), "x")
        found |= cls.model_construct(_fields_set=set(fields), **fields).text_fields()
    assert found == asked, "is the new field a text of the author? Else its name belongs into PLAIN"


@pytest.mark.parametrize("record_prompt", ["full", "hash", "none"])
@pytest.mark.parametrize("lyrics", [None, "drip drop"])
def test_the_authors_lyrics_do_not_come_back_where_they_are_private(record_prompt, lyrics):
    request = orux.SunoV5(prompt="rain", lyrics=lyrics)
    made = tuple(Artifact(url=f"https://f/{name}") for name in ("song.mp3", "cover.png", "lyrics.txt"))
    job = Job("job-1", JobStatus.SUCCEEDED, "orux", artifacts=made, text="drip drop")
    result = delivery(record_prompt=record_prompt).deliver(job, request=request)
    private = lyrics is not None and record_prompt != "full"
    assert [a["url"] for a in result["artifacts"]] == [a.url for a in made[: 2 if private else 3]]
    assert result.get("text") == (None if private else "drip drop")


def test_a_follow_up_names_its_parent_in_the_manifest(tmp_path):
    request = Upscale(parent_job_id="task_9", index=2)
    delivery(save_to=f"file://{tmp_path}").deliver(inline(), request=request)
    manifest = json.loads((tmp_path / "job-1" / "manifest.json").read_text())
    assert (manifest["parent_job_id"], manifest["index"]) == ("task_9", 2)


def test_a_job_of_another_task_is_saved_without_its_request(tmp_path):
    result = delivery(save_to=f"file://{tmp_path}").deliver(inline())
    assert result["requested"] is None
    assert result["returned"] == 1


def test_without_save_to_the_result_holds_the_urls():
    result = delivery().deliver(done("job-1", "https://f/1"), request=IMAGINE)
    assert result["artifacts"] == [{"uri": None, "url": "https://f/1"}]
    assert result["manifest"] is None


def test_images_in_the_answer_without_save_to_have_nowhere_to_go():
    with pytest.raises(JobFailedError, match="nowhere to go") as caught:
        delivery().deliver(inline())
    assert caught.value.final


def test_a_success_that_made_nothing_is_a_failure_no_retry_cures():
    with pytest.raises(JobFailedError, match="no artifact") as caught:
        delivery().deliver(Job("job-1", JobStatus.SUCCEEDED, "orux"))
    assert caught.value.final


def test_a_text_is_a_result():
    result = delivery().deliver(Job("job-1", JobStatus.SUCCEEDED, "orux", text="a fox"))
    assert result["text"] == "a fox"


def test_fewer_artifacts_than_requested_are_told():
    it = delivery()
    it.deliver(done("job-1"), request=orux.GptImage2(prompt="a", n=3))
    assert it._log.said("1 of 3 artifacts")


def test_urls_can_be_kept_out_once_the_artifacts_are_saved(tmp_path):
    it = delivery(save_to=f"file://{tmp_path}", push_urls=False)
    assert [a["url"] for a in it.deliver(inline())["artifacts"]] == [None]


@pytest.mark.parametrize(
    ("more", "tells"),
    [
        ({}, True),
        ({"push_urls": False}, False),
        ({"record_prompt": "hash"}, False),
        ({"record_prompt": "none"}, False),
    ],
)
def test_what_is_private_is_not_told_to_the_trigger(more, tells):
    assert delivery(**more).tells_the_trigger is tells


# -- saving that fails -----------------------------------------------------------------------------------------
class Storage:
    """Saving fails with each of these errors in turn."""

    def __init__(self, monkeypatch, *errors):
        from airflow_provider_orux import storage

        self.errors, self.saves = list(errors), 0
        self._save = storage.save_job
        monkeypatch.setattr(storage, "save_job", self.save)
        monkeypatch.setattr(module, "INLINE_SAVE_PAUSE", 0.0)

    def save(self, *args, **more):
        self.saves += 1
        if self.errors:
            raise self.errors.pop(0)
        return self._save(*args, **more)


AWAY = [ArtifactError("away") for _ in range(9)]


def test_images_that_are_only_in_this_process_are_saved_again_and_again(monkeypatch, tmp_path):
    storage = Storage(monkeypatch, *AWAY[:3])
    assert delivery(save_to=f"file://{tmp_path}").deliver(inline(), repeatable=False)["manifest"]
    assert storage.saves == 4


def test_images_that_cannot_be_saved_at_all_are_lost_and_charged(monkeypatch, tmp_path):
    Storage(monkeypatch, *AWAY)
    with pytest.raises(JobExpiredError, match="They are lost") as caught:
        delivery(save_to=f"file://{tmp_path}").deliver(inline(), repeatable=False)
    assert (caught.value.charged, caught.value.final) == ("yes", True)


def test_images_of_a_job_that_can_be_asked_again_are_not_lost(monkeypatch, tmp_path):
    Storage(monkeypatch, *AWAY)
    with pytest.raises(ArtifactError) as caught:
        delivery(save_to=f"file://{tmp_path}").deliver(inline())
    assert not caught.value.final


def heard(*artifacts, text="a heron", **facts):
    details = {"language": "en"}
    return Job(
        "direct:1", JobStatus.SUCCEEDED, "opengpu_relay", text=text, artifacts=artifacts, details=details,
        charged="yes", **facts,
    )  # fmt: skip


def test_a_text_is_saved_as_a_file_and_stays_in_the_result(tmp_path):
    it = delivery(save_to=f"file://{tmp_path}")
    value = it.deliver(heard())
    (artifact,) = value["artifacts"]
    saved = Path(artifact["uri"].removeprefix("file://"))
    assert (saved.name, saved.read_text()) == ("1.txt", "a heron")
    assert (value["text"], artifact["media_type"], artifact["language"]) == ("a heron", "text/plain", "en")
    manifest = json.loads(Path(value["manifest"].removeprefix("file://")).read_text())
    assert manifest["artifacts"][0]["language"] == "en"
    assert it.deliver(heard()) == value  # nothing is written again


def test_a_text_that_looks_like_another_file_is_a_text(tmp_path):
    for text in (
        "<svg xmlns='http://www.w3.org/2000/svg'><script>1</script></svg>",
        "<html>",
        "ID3",
        "é\x00\ud83d",
    ):
        value = delivery(save_to=f"file://{tmp_path}/{len(text)}").deliver(heard(text=text))
        assert value["artifacts"][0]["uri"].endswith("/1.txt")


def test_subtitles_are_saved_beside_a_text(tmp_path):
    srt = Artifact(inline="data:application/x-subrip;base64,MQ==", media_type="application/x-subrip")
    value = delivery(save_to=f"file://{tmp_path}").deliver(heard(srt))
    assert [a["uri"].rpartition("/")[2] for a in value["artifacts"]] == ["1.txt", "2.srt"]


def test_a_text_without_a_folder_and_an_empty_one_are_results_as_well(tmp_path):
    value = delivery().deliver(heard())
    assert (value["text"], value["artifacts"], value["manifest"]) == ("a heron", [], None)
    value = delivery(save_to=f"file://{tmp_path}").deliver(heard(text=""))
    assert (value["text"], value["artifacts"]) == ("", [])


def test_headerless_sound_is_saved_as_it_was_declared(tmp_path):
    for media_type, name in (
        ("audio/pcm", "1.pcm"),
        ("audio/L16;rate=16000", "1.pcm"),
        ("audio/strange", "1.bin"),
    ):
        sound = Artifact(inline=base64.b64encode(bytes(range(256)) * 4).decode(), media_type=media_type)
        job = Job("direct:1", JobStatus.SUCCEEDED, "opengpu_relay", artifacts=(sound,), charged="yes")
        value = delivery(save_to=f"file://{tmp_path}/{name}{len(media_type)}").deliver(job)
        assert value["artifacts"][0]["uri"].endswith(f"/{name}")
    undeclared = Job(
        "direct:2", JobStatus.SUCCEEDED, "x", artifacts=(Artifact(inline=sound.inline),), charged="yes"
    )
    with pytest.raises(ArtifactError):
        delivery(save_to=f"file://{tmp_path}").deliver(undeclared)


def test_a_text_of_a_synchronous_call_that_cannot_be_saved_is_not_lost(monkeypatch, tmp_path):
    """The ledger holds it: a retry saves it."""
    Storage(monkeypatch, *AWAY)
    with pytest.raises(ArtifactError) as caught:
        delivery(save_to=f"file://{tmp_path}").deliver(heard(), repeatable=False)
    assert not isinstance(caught.value, JobExpiredError)
    assert not caught.value.final


def test_urls_are_left_to_a_retry(monkeypatch, tmp_path):
    storage = Storage(monkeypatch, *AWAY)
    with pytest.raises(ArtifactError):
        delivery(save_to=f"file://{tmp_path}").deliver(done("job-1"), repeatable=False)
    assert storage.saves == 1


@pytest.mark.parametrize("repeatable", [True, False])
def test_a_dead_url_is_for_a_retry_where_a_poll_gives_a_fresh_one(monkeypatch, tmp_path, repeatable):
    Storage(monkeypatch, ArtifactURLExpiredError("dead"))
    with pytest.raises(ArtifactURLExpiredError) as caught:
        delivery(save_to=f"file://{tmp_path}").deliver(done("job-1"), repeatable=repeatable)
    assert caught.value.final is not repeatable


# -- prices ----------------------------------------------------------------------------------------------------
def priced(monkeypatch, table, job=None, request=IMAGINE):
    monkeypatch.setenv("AIRFLOW__ORUX__PRICES", table if isinstance(table, str) else json.dumps(table))
    it = delivery()
    result = it.deliver(job or done("job-1"), request=request)
    return result["price"], result["currency"], it._log


def test_a_price_comes_from_the_table_when_the_gateway_names_none(monkeypatch):
    table = {"orux": {"currency": "credits", "midjourney-v7": 20}}
    assert priced(monkeypatch, table)[:2] == (20.0, "credits")


def test_the_gateways_own_price_is_believed(monkeypatch):
    job = done("job-1", price=7.0, currency="credits")
    assert priced(monkeypatch, {"orux": {"midjourney-v7": 20}}, job)[:2] == (7.0, "credits")


@pytest.mark.parametrize("table", ["not json", "[]"])
def test_a_table_that_cannot_be_read_is_a_warning(monkeypatch, table):
    price, _, log = priced(monkeypatch, table)
    assert price is None
    assert log.said("prices cannot be read")


def test_a_model_that_is_not_in_the_table_has_no_price(monkeypatch):
    assert priced(monkeypatch, {"orux": {"other": 1}})[0] is None


# -- to Airflow ------------------------------------------------------------------------------------------------
def test_a_follow_up_finds_job_and_connection_while_the_task_is_deferred():
    it = delivery()
    assert it.pushed_job() is None
    it.push_job("task_1")
    assert it.pushed_job() == "task_1"
    shown = xcoms(it).pop("orux_job")
    assert shown.pop("at") > 1e9
    assert shown == {"job_id": "task_1", "conn_id": "orux_default", "gateway": "orux"}
    assert xcoms(it) == {"job_id": "task_1", "conn_id": "orux_default"}


def test_the_parts_of_a_result_are_xcoms_of_their_own():
    it = delivery()
    job = Job("job-1", JobStatus.SUCCEEDED, "orux", artifacts=(Artifact(url="https://f/1"),), text="a fox")
    it.hand_over(it.deliver(job))
    assert xcoms(it).pop("orux_job")["artifacts"] == 1
    assert xcoms(it) == {
        "job_id": "job-1", "conn_id": "orux_default", "urls": ["https://f/1"], "uris": [], "text": "a fox",
        "artifacts": [{"uri": None, "url": "https://f/1"}],
    }  # fmt: skip


def test_each_saved_artifact_is_an_asset_event(tmp_path):
    from airflow.sdk import Asset, AssetAlias

    added = []
    alias = AssetAlias("images")
    event = SimpleNamespace(add=lambda asset, extra: added.append((asset.uri, extra["job_id"])))
    # Airflow's own mapping; an alias cannot be the key of a dict on 3.1.
    events = type("Events", (), {"__getitem__": lambda self, key: {"images": event}[key.name]})()
    it = delivery(save_to=f"file://{tmp_path}", outlets=[Asset("s3://x"), alias], events=events)
    it.hand_over(it.deliver(inline()))
    assert added == [(f"file://{tmp_path}/job-1/1.png", "job-1")]


def test_an_artifact_that_is_not_saved_is_no_asset_event():
    from airflow.sdk import AssetAlias

    it = delivery(outlets=[AssetAlias("images")])
    it.hand_over(it.deliver(done("job-1")))


@pytest.mark.parametrize(
    ("uri", "asset"),
    [
        (
            "file:///data/bücher/#1?x=y/a b/100%/1.png",
            "file:///data/b%C3%BCcher/%231%3Fx=y/a%20b/100%25/1.png",
        ),
        ("s3://content/2026/job-1/1.png", "s3://content/2026/job-1/1.png"),
        ("s3://my_aws@content/é/1.png", "s3://content/%C3%A9/1.png"),
        ("abfs://azure@container/a@b/1.png", "abfs://container/a@b/1.png"),
        ("memory://ü#?/1.png", "memory://%C3%BC%23%3F/1.png"),
    ],
)
def test_the_uri_of_an_asset_is_percent_encoded(uri, asset):
    from airflow.sdk import Asset

    assert asset_uri(uri) == asset
    assert Asset(asset).uri == asset, "Airflow takes it for what it is"


def test_no_asset_event_fails_a_task_that_is_paid_for():
    from airflow.sdk import AssetAlias

    added = []

    def add(asset, extra):
        if "2.png" in asset.uri:
            raise RuntimeError("no")
        added.append(asset.uri)

    class Events:
        """Airflow's: asked with an alias, which is no key of a dict on 3.1."""

        def __getitem__(self, alias):
            return {"images": SimpleNamespace(add=add)}[alias.name]

    it = delivery(outlets=[AssetAlias("images"), AssetAlias("unknown")], events=Events())
    uris = (
        "file:///1.png",
        "file:///2.png",
        "file:///" + "ü" * 300 + "/3.png",
        "no uri at all",
        "airflow://4.png",
    )
    result = {**it.deliver(done("job-1")), "artifacts": [{"uri": uri, "url": None} for uri in uris]}
    it.hand_over(result)
    assert "file:///1.png" in added
    assert xcoms(it)["uris"] == list(uris)
    assert it._log.said("No asset event for file:///2.png")
    assert it._log.said("Airflow takes 1500")


def test_a_result_is_told_from_what_is_none():
    result = delivery().deliver(done("job-1"))
    assert is_result(json.loads(json.dumps(result)))
    for name in ("job_id", "conn_id", "manifest", "artifacts"):
        assert not is_result({k: v for k, v in result.items() if k != name})
    assert not is_result({**result, "artifacts": ["x"]})


def test_an_input_that_a_gateway_repeats_is_not_saved_as_a_result():
    from airflow_provider_orux.durable.provenance import without_inputs
    from airflow_provider_orux.models.yescale import FluxKontextMax

    sent, made = "https://example.com/sent.png", "https://example.com/made.png"
    request = FluxKontextMax(prompt="a fox", images=[sent])
    job = Job("media:1", JobStatus.SUCCEEDED, "yescale", artifacts=(Artifact(url=sent), Artifact(url=made)))
    assert without_inputs(job, request).urls == [made]
    assert without_inputs(job, None).urls == [sent, made]
    custom = CustomRequest(name="m", body={"prompt": "x", "config": {"images": [{"url": sent}]}})
    assert without_inputs(job, custom).urls == [made]
    # What is all there is may be what was made.
    alone = Job("media:1", JobStatus.SUCCEEDED, "yescale", artifacts=(Artifact(url=sent),))
    assert without_inputs(alone, request).urls == [sent]
