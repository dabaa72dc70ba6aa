"""The links of a task: where each leads, and that none leads where a browser should not go."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from airflow_provider_orux.links.artifact import (
    OruxArtifactLink,
    OruxGalleryLink,
    OruxJobLink,
    OruxManifestLink,
    console_url,
)

KEY = SimpleNamespace(dag_id="dag", run_id="manual__2026-03-02T08:00:00+00:00", task_id="a.b", map_index=-1)


def link(kind, *, key=KEY, **facts):
    return kind().get_link(SimpleNamespace(link_facts=facts), ti_key=key)


def artifact(uri=None, url=None):
    return link(OruxArtifactLink, artifacts=[{"uri": uri, "url": url}])


@pytest.mark.parametrize(
    ("uri", "url"),
    [
        ("s3://bucket/a b/1.png", "https://console.aws.amazon.com/s3/object/bucket?prefix=a+b%2F1.png"),
        ("s3://conn@bucket/1.png", "https://console.aws.amazon.com/s3/object/bucket?prefix=1.png"),
        ("gs://bucket/a/1.png", "https://console.cloud.google.com/storage/browser/_details/bucket/a/1.png"),
        ("abfs://box@acc.dfs.core.windows.net/1.png", "https://acc.blob.core.windows.net/box/1.png"),
        ("file:///data/1.png", ""),
        ("s3://", ""),
        ("", ""),
        ("javascript://x/%0aalert(1)", ""),
    ],
)
def test_a_saved_artifact_in_the_console_of_its_store(uri, url):
    assert console_url(uri) == url


def test_where_there_is_no_console_the_gateways_url():
    assert artifact(uri="file:///1", url="https://2") == "https://2"
    assert artifact(uri="s3://b/1", url="https://2").startswith("https://console.aws")


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "file:///etc/passwd", "data:,x", " https://x", "//x", None, 7]
)
def test_nothing_but_http_is_a_link(url):
    assert artifact(uri="file:///1", url=url) == ""


def test_without_a_result_there_is_none():
    assert link(OruxArtifactLink) == ""
    assert link(OruxArtifactLink, artifacts=[None]) == ""
    assert OruxArtifactLink().get_link(SimpleNamespace(), ti_key=KEY) == ""


def test_the_gallery_is_the_tasks_tab(monkeypatch):
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://host/airflow/")
    path = "https://host/airflow/dags/dag/runs/manual__2026-03-02T08%3A00%3A00%2B00%3A00/tasks/a.b"
    assert link(OruxGalleryLink) == f"{path}/plugin/orux-task-instance"
    mapped = SimpleNamespace(**{**vars(KEY), "map_index": 3})
    assert link(OruxGalleryLink, key=mapped) == f"{path}/mapped/3/plugin/orux-task-instance"
    monkeypatch.setenv("AIRFLOW__ORUX__GALLERY", "False")
    assert link(OruxGalleryLink) == ""


def test_the_manifest_where_the_gallery_shows_it(monkeypatch):
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://host")
    assert link(OruxManifestLink, manifest="file:///x/manifest.json") == ""
    monkeypatch.setenv("AIRFLOW__ORUX__GALLERY_ROOTS", "/x")
    found = link(OruxManifestLink, manifest="file:///x/manifest.json")
    assert found.startswith(
        "https://host/orux/dags/dag/manifest?run_id=manual__2026-03-02T08%3A00%3A00%2B00%3A00&"
    )
    assert link(OruxManifestLink, manifest=None) == ""
    assert link(OruxManifestLink, manifest="x", reused_from="y") == ""


def test_the_job_where_somebody_said_what_its_page_is(monkeypatch):
    facts = {"job_id": "a/b", "conn_id": "orux_default", "gateway": "orux"}
    assert link(OruxJobLink, **facts) == ""
    for setting, found in (
        ('{"orux": "https://x/{job_id}"}', "https://x/a%2Fb"),
        ('{"orux": "https://x/{job_id}", "orux_default": "https://y/{job_id}"}', "https://y/a%2Fb"),
        ('{"orux": "javascript:{job_id}"}', ""),
        ('{"orux": "https://x/"}', ""),
        ("[]", ""),
        ("not json", ""),
        ('{"orux": 5}', ""),
    ):
        monkeypatch.setenv("AIRFLOW__ORUX__JOB_PAGES", setting)
        assert link(OruxJobLink, **facts) == found
