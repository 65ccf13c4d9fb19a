"""What chooses among tokens, asked of OpenAI's models: while they reason, they refuse the call."""

from typing import Any

import msgspec
import pytest
from tests.in_turn import in_turn
from tests.protocols.differences.saying import CHAT, GEMINI, HI, MESSAGES, RESPONSES, messages, said, spoken_to

from omnillm import GenerationConfig, LlmRequest, user
from omnillm.model.capabilities import CapabilitySet, ReasoningCapability
from omnillm.protocols.dialects import ChatDialect, Dialect, ResponsesDialect
from omnillm.protocols.transcode import emit_request
from omnillm.providers.kinds import endpoint
from omnillm.secret import Secret


def asked(target: str, dialect: Dialect, **config: Any) -> tuple[dict[str, Any], set[str]]:
    """What is asked for a client of Gemini's SDK, and the losses of its generation."""
    body = {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}], "generationConfig": config}
    sent, lost = said(GEMINI, target, body, dialect)
    return sent, {f"{kind}:{path}" for path, kind in lost.items() if "generation" in path}


@in_turn(
    ("model", "thinking", "is_taken"),
    [
        ("gpt-4.1-mini", None, True),
        ("gpt-5-mini", None, False),
        ("gpt-5-mini", {"thinkingBudget": 0}, False),
        ("o3", None, False),
        ("gpt-5.2", None, True),
        ("gpt-5.2", {"thinkingBudget": 0}, True),
        ("gpt-5.2", {"thinkingBudget": 4096}, False),
        ("gpt-5.2", {"thinkingLevel": "low"}, False),
        ("gpt-5.2", {"includeThoughts": True}, True),
        ("gpt-5.6-sol", None, False),
        ("gpt-5.6-sol", {"thinkingBudget": 0}, True),
        ("my-own-deployment", None, True),
    ],
)
def test_sampling_is_left_out_where_the_model_will_reason(model: str, thinking: dict[str, Any] | None, is_taken: bool) -> None:
    """By what it does unasked, and by what it is asked."""
    config = {"temperature": 0.2} | ({} if thinking is None else {"thinkingConfig": thinking})
    for target in (CHAT, RESPONSES):
        body, losses = asked(target, spoken_to(endpoint("openai"), target, model), **config)
        assert (body.get("temperature"), losses) == ((0.2, set()) if is_taken else (None, {"dropped:generation.temperature"}))


@pytest.mark.parametrize(
    ("target", "dialect"), [("openai_chat", ChatDialect(rests=False)), ("openai_responses", ResponsesDialect(rests=False))]
)
def test_what_says_nothing_is_no_loss(target: str, dialect: Dialect) -> None:
    """The model's own values are left out as well: it refuses some of them, too."""
    body, losses = asked(target, dialect, temperature=1, topP=1, presencePenalty=0, frequencyPenalty=0, logprobs=0)
    assert not body.keys() & {"temperature", "top_p", "presence_penalty", "frequency_penalty"}
    assert losses == set()


def test_stops_and_probabilities_are_refused_as_well() -> None:
    """What a client of the Messages API counts on is told as lost."""
    body, losses = asked("openai_chat", ChatDialect(rests=False), stopSequences=["END"], responseLogprobs=True, logprobs=2, topP=0.5)
    assert not body.keys() & {"stop", "logprobs", "top_logprobs", "top_p"}
    assert losses == {f"dropped:generation.{name}" for name in ("stop", "logprobs", "top_logprobs", "top_p")}


@pytest.mark.parametrize(("model", "effort"), [("gpt-5.2", "medium"), ("gpt-5.6-sol", None)])
def test_a_model_that_reasons_only_if_it_is_asked_to_is_told_how_much(model: str, effort: str | None) -> None:
    """A client of the Messages API switches thinking on, and says no more: the model would not think at all."""
    body = messages(thinking={"type": "adaptive"})
    chat, chat_lost = said(MESSAGES, CHAT, body, spoken_to(endpoint("openai"), CHAT, model))
    responses, responses_lost = said(MESSAGES, RESPONSES, body, spoken_to(endpoint("openai"), RESPONSES, model))
    assert (chat.get("reasoning_effort"), responses["reasoning"].get("effort")) == (effort, effort)
    assert ["capabilities.reasoning.effort" in lost for lost in (chat_lost, responses_lost)] == [effort is not None] * 2


@in_turn(
    ("kind", "model", "lost"),
    [
        ("groq", "openai/gpt-oss-120b", {"top_k", "n", "logprobs", "top_logprobs"}),
        ("openai", "gpt-4.1", {"top_k"}),
        ("openai", "gpt-5.2", {"top_k", "stop", "presence_penalty", "frequency_penalty"}),
        ("xai", "grok-4.6", {"top_k", "stop", "presence_penalty", "frequency_penalty"}),
        ("xai", "grok-4.20-non-reasoning", {"top_k", "presence_penalty", "frequency_penalty"}),
        ("mistral", "mistral-large-latest", {"top_k", "logprobs", "top_logprobs"}),
        ("together", "m", set[str]()),
    ],
)
def test_host_is_not_asked_for_what_it_refuses(kind: str, model: str, lost: set[str]) -> None:
    """Each refuses the whole call for one such member; Mistral's seed has another name. What says nothing is no loss."""
    dialect = spoken_to(endpoint(kind), CHAT, model)
    config = {"topK": 5, "seed": 7, "presencePenalty": 0.1, "frequencyPenalty": 0.1, "stopSequences": ["END"], "candidateCount": 2}
    body, losses = asked("openai_chat", dialect, **config, responseLogprobs=True, logprobs=2)
    seed = "random_seed" if kind == "mistral" else "seed"
    said = {"top_k", seed, "presence_penalty", "frequency_penalty", "stop", "n", "logprobs", "top_logprobs"}
    assert body.keys() - {"model", "messages"} == said - lost
    assert (body[seed], losses) == (7, {f"dropped:generation.{name}" for name in lost})
    usual = {"presencePenalty": 0, "frequencyPenalty": 0, "candidateCount": 1, "responseLogprobs": False}
    assert asked("openai_chat", dialect, **usual)[1] == set()


def test_mistral_is_not_asked_for_more_than_its_highest_temperature() -> None:
    """It refuses the whole call; a client of Gemini's may ask for 2."""
    dialect = spoken_to(endpoint("mistral"), CHAT, "mistral-large-4")
    for wanted, sent in ((2, 1.5), (1.5, 1.5), (0.2, 0.2)):
        body, losses = asked("openai_chat", dialect, temperature=wanted)
        assert (body["temperature"], losses) == (sent, {"approximated:generation.temperature"} if wanted > sent else set())


@in_turn(
    ("model", "thinking", "sent", "losses"),
    [
        ("gpt-5.4", {"type": "enabled", "budget_tokens": 4096}, "none", {"approximated:capabilities.reasoning.effort"}),
        ("gpt-5.4", None, "none", set[str]()),
        ("gpt-5.6-sol", None, "none", {"defaulted:capabilities.reasoning.effort"}),
        ("gpt-5.6-sol", {"type": "disabled"}, "none", set[str]()),
        ("gpt-5.2", {"type": "enabled", "budget_tokens": 4096}, "medium", set[str]()),
        ("gpt-5.5-codex", None, None, set[str]()),
    ],
)
def test_a_model_that_takes_tools_only_at_rest_is_told_to_rest(
    model: str, thinking: dict[str, Any] | None, sent: str | None, losses: set[str]
) -> None:
    """Where a provider is pinned to Chat, OpenAI answers 400 to tools beside reasoning from GPT-5.4 on, also if that is the default."""
    dialect = spoken_to(endpoint("openai"), CHAT, model)
    body = messages(max_tokens=9000, messages=[HI], tools=[{"name": "look", "input_schema": {"type": "object"}}])
    body |= {} if thinking is None else {"thinking": thinking}
    written, lost = said(MESSAGES, CHAT, body, dialect, model=model)
    assert written.get("reasoning_effort") == sent
    assert {f"{kind}:{path}" for path, kind in lost.items() if path.endswith(".effort")} == losses


@in_turn(
    ("kind", "model", "is_taken"),
    [("gemini", "gemini-2.5-flash", False), ("gemini", "gemini-3-pro", False), ("vertex_ai", "gemini-2.5-flash", True)],
)
def test_newer_gemini_models_take_no_penalties(kind: str, model: str, is_taken: bool) -> None:
    """ "Penalty is not enabled for this model" is what they answer, with a 400; a penalty of 0 says nothing."""
    address = Secret("https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/us-central1") if kind == "vertex_ai" else None
    dialect = spoken_to(endpoint(kind, base_url=address), GEMINI, model)
    body = {"model": "m", "messages": [HI], "presence_penalty": 0.5, "frequency_penalty": 0}
    sent, lost = said(CHAT, GEMINI, body, dialect, model=model)
    assert sent.get("generationConfig", {}) == ({"presencePenalty": 0.5, "frequencyPenalty": 0} if is_taken else {})
    assert [*lost] == ([] if is_taken else ["generation.presence_penalty"])


@in_turn(
    ("wanted", "effort", "is_taken"),
    [
        (ReasoningCapability(effort="none"), "none", True),
        (ReasoningCapability(budget_tokens=0), "none", True),
        (ReasoningCapability(mode="disabled", effort="high"), "none", True),
        (ReasoningCapability(include_thoughts=True), None, True),
        (ReasoningCapability(budget_tokens=0, effort="low"), "low", False),
        (ReasoningCapability(mode="enabled", effort="low"), "low", False),
        (ReasoningCapability(mode="enabled", budget_tokens=1024), "minimal", False),
    ],
)
def test_a_program_may_ask_for_reasoning_in_any_of_its_words(wanted: ReasoningCapability, effort: str | None, is_taken: bool) -> None:
    """Whatever it says of it, or against it: the model is told no more than that, and no temperature where it will reason."""
    dialect = ChatDialect(rests=True, can_stop_thinking=True)
    capabilities, config = CapabilitySet(reasoning=wanted), GenerationConfig(temperature=0.2)
    asked = LlmRequest(model="m", input=(user("Hi"),), generation=config, capabilities=capabilities)
    sent = msgspec.json.decode(emit_request("openai_chat", asked, dialect=dialect).value)
    assert (sent.get("reasoning_effort"), sent.get("temperature")) == (effort, 0.2 if is_taken else None)
