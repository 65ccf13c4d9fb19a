"""What chooses among tokens, asked of OpenAI's models: while they reason, they refuse the call."""

from typing import Any

import msgspec
import pytest
from tests.in_turn import in_turn

from omnillm.protocols.codec import Dialect
from omnillm.protocols.transcode import transcode_request
from omnillm.providers.dialects import dialect_of
from omnillm.providers.kinds import endpoint


def asked(target: str, dialect: Dialect, **config: Any) -> tuple[dict[str, Any], set[str]]:
    """What is asked for a client of Gemini's SDK, and the losses of its generation."""
    body = {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}], "generationConfig": config}
    report = transcode_request("gemini_generate_content", target, msgspec.json.encode(body), model="m", dialect=dialect)
    return msgspec.json.decode(report.value), {f"{loss.kind}:{loss.path}" for loss in report.loss_reasons if "generation" in loss.path}


@in_turn(
    ("model", "thinking", "is_taken"),
    [
        ("gpt-4.1-mini", None, True),
        ("gpt-5-mini", None, False),
        ("gpt-5-mini", 0, False),
        ("o3", None, False),
        ("gpt-5.2", None, True),
        ("gpt-5.2", 0, True),
        ("gpt-5.2", 4096, False),
        ("gpt-5.6-sol", None, False),
        ("gpt-5.6-sol", 0, True),
        ("my-own-deployment", None, True),
    ],
)
def test_sampling_is_left_out_where_the_model_will_reason(model: str, thinking: int | None, is_taken: bool) -> None:
    """By what it does unasked, and by what it is asked."""
    config = {"temperature": 0.2} | ({} if thinking is None else {"thinkingConfig": {"thinkingBudget": thinking}})
    for target in ("openai_chat", "openai_responses"):
        dialect = dialect_of(endpoint("openai"), provider="p", protocol=target, model=model, default_max_tokens=9)
        body, losses = asked(target, dialect, **config)
        assert (body.get("temperature"), losses) == ((0.2, set()) if is_taken else (None, {"dropped:generation.temperature"}))


@pytest.mark.parametrize("target", ["openai_chat", "openai_responses"])
def test_what_says_nothing_is_no_loss(target: str) -> None:
    """The model's own values are left out as well: it refuses some of them, too."""
    body, losses = asked(target, Dialect(rests=False), temperature=1, topP=1, presencePenalty=0, frequencyPenalty=0)
    assert not body.keys() & {"temperature", "top_p", "presence_penalty", "frequency_penalty"}
    assert losses == set()


def test_stops_and_probabilities_are_refused_as_well() -> None:
    """What a client of the Messages API counts on is told as lost."""
    body, losses = asked("openai_chat", Dialect(rests=False), stopSequences=["END"], responseLogprobs=True, logprobs=2, topP=0.5)
    assert not body.keys() & {"stop", "logprobs", "top_logprobs", "top_p"}
    assert losses == {f"dropped:generation.{name}" for name in ("stop", "logprobs", "top_logprobs", "top_p")}


@pytest.mark.parametrize(("model", "effort"), [("gpt-5.2", "medium"), ("gpt-5.6-sol", None)])
def test_a_model_that_reasons_only_if_it_is_asked_to_is_told_how_much(model: str, effort: str | None) -> None:
    """A client of the Messages API switches thinking on, and says no more: the model would not think at all."""
    body = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}], "thinking": {"type": "adaptive"}}
    for target in ("openai_chat", "openai_responses"):
        dialect = dialect_of(endpoint("openai"), provider="p", protocol=target, model=model, default_max_tokens=9)
        report = transcode_request("anthropic_messages", target, msgspec.json.encode(body), model="m", dialect=dialect)
        sent = msgspec.json.decode(report.value)
        said = sent.get("reasoning_effort") if target == "openai_chat" else sent["reasoning"].get("effort")
        assert (said, "capabilities.reasoning.effort" in [loss.path for loss in report.loss_reasons]) == (effort, effort is not None)
