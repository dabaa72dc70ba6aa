"""Chat and embeddings of each gateway through Airflow's official providers, as docs/chat.md has it."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.airflow

pytest.importorskip("airflow.providers.openai")
PAGE = (ROOT / "docs" / "chat.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
#: The path below the gateway's address, and a model of words and one of embeddings.
GATEWAYS = {
    "orux": ("/api/v1", "gpt-5-2", None),
    "yescale": ("/v1", "gpt-4o", "text-embedding-3-small"),
    "opengpu_relay": ("/v2/openai/v1", "openai/gpt-4o-mini", "openai/text-embedding-3-small"),
}


def connection(sandbox: Any, gateway: str, conn_type: str = "openai", **extra: Any) -> str:
    host = sandbox.url_of(gateway) + GATEWAYS[gateway][0]
    value = {"conn_type": conn_type, "host": host, "password": sandbox.key_of(gateway), "extra": extra}
    return json.dumps(value)


def block_with(word: str) -> str:
    (found,) = [block for block in BLOCKS if word in block]
    return found


@pytest.mark.parametrize("gateway", GATEWAYS)
def test_the_openai_hook_chats(sandbox, gateway, monkeypatch):
    from airflow.providers.openai.hooks.openai import OpenAIHook

    monkeypatch.setenv("AIRFLOW_CONN_CHAT", connection(sandbox, gateway))
    hook = OpenAIHook("chat")
    words = [{"role": "user", "content": "One prompt for: a paper boat"}]
    (choice,) = hook.create_chat_completion(words, model=GATEWAYS[gateway][1])
    assert choice.message.content.startswith("a paper boat, ")
    assert [charge["action"] for charge in sandbox.charges()] == ["chat"]


def test_the_embeddings_of_the_page(sandbox, load_dag, run, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_YESCALE_CHAT", connection(sandbox, "yescale"))
    result = run(load_dag(block_with("OpenAIEmbeddingOperator")))
    assert result.state == "success", result.states()
    one, other, far = result.xcom("vectors")

    def near(a: list[float], b: list[float]) -> float:
        return sum(x * y for x, y in zip(a, b, strict=True))

    assert near(one, other) > near(one, far)


def test_the_language_model_of_the_page_writes_the_prompt(sandbox, load_dag, run, monkeypatch, tmp_path):
    pytest.importorskip("airflow.providers.common.ai")
    model = f"openai-chat:{GATEWAYS['orux'][1]}"
    monkeypatch.setenv("AIRFLOW_CONN_ORUX_LLM", connection(sandbox, "orux", "pydanticai", model=model))
    code = block_with("@task.llm").replace("s3://content/", f"file://{tmp_path}/out")
    result = run(load_dag(code))
    assert result.states() == {"idea": "success", "poster": "success"}
    idea = result.xcom("idea")
    assert idea["prompt"].startswith("a lighthouse at dawn, ")
    sent = [r["body"] for r in sandbox.requests() if r["method"] == "POST" and r["path"].endswith("/tasks")]
    assert [(body["prompt"], body["aspect_ratio"]) for body in sent] == [(idea["prompt"], "2:3")]
    assert [(c["model"], c["action"]) for c in sandbox.charges()] == [
        ("gpt-5-2", "chat"),
        ("midjourney-v7", "imagine"),
    ]


def test_the_addresses_of_the_page_are_those_of_the_gateways():
    from airflow_provider_orux.gateways.registry import gateway_class

    for gateway, (path, *_) in GATEWAYS.items():
        assert f"`{gateway_class(gateway).default_host}{path}`" in PAGE
