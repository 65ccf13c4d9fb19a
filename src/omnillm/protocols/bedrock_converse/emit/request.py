"""A canonical request, written for Converse and ConverseStream: one body for both, the model in the path."""

import re
from typing import Any

import msgspec

from omnillm.errors import ProtocolError
from omnillm.model.request import LlmRequest
from omnillm.protocols.anthropic_messages.emit.cache import set_marks
from omnillm.protocols.anthropic_messages.emit.schema import held_to
from omnillm.protocols.bedrock_converse.emit.conversation import emit_conversation
from omnillm.protocols.bedrock_converse.emit.model_fields import Plan, plan_fields, top_k_fields
from omnillm.protocols.bedrock_converse.emit.tools import emit_tools, tool_config
from omnillm.protocols.bedrock_converse.place import Place, place_for
from omnillm.protocols.dialects import ConverseDialect
from omnillm.protocols.differences.cache_marks import Anchors
from omnillm.protocols.differences.generation import drop_unsaid, drop_unsaid_capabilities, stops_of_words, tier_said
from omnillm.protocols.differences.turns import Block
from omnillm.protocols.loss import Losses

PASSED = frozenset({"guardrailConfig", "performanceConfig", "additionalModelResponseFieldPaths", "requestMetadata"})
"""Members of Converse's own that a client of any protocol may add, for no client can speak Converse itself.

`additionalModelRequestFields` is none of them: it could raise the output cap, and ask for what has a price of its own.
"""
_TIERS = {"default": "default", "standard": "default", "standard_only": "default", "flex": "flex", "priority": "priority"}
_METADATA = re.compile(r"[a-zA-Z0-9\s:_@$#=/+,.-]{1,256}")
_MOST_METADATA = 16


def emit_request(request: LlmRequest, dialect: ConverseDialect, losses: Losses) -> dict[str, Any]:
    """Write the body. ProtocolError: it rests on state that another provider keeps, or requires a cache where none can be."""
    if request.previous_response_id:
        raise ProtocolError("Converse keeps no state: send the whole conversation.", reason="unsupported_feature")
    place = place_for(request.model, dialect, losses)
    anchors = Anchors(request.capabilities.prompt_cache)
    tools = emit_tools(request, place)
    system, messages = emit_conversation(request, place, anchors)
    generation = request.generation
    plan = plan_fields(request.capabilities.reasoning, generation.max_output_tokens, place, is_amid_turn=_is_amid_turn(messages))
    output_config = _output_config(request, plan, system, place)
    config = tool_config(request, tools, place, can_force=plan.thinking.budget is None and dialect.forces_calls)
    inference = _inference(request, plan, place)
    fields = plan.fields | top_k_fields(generation.top_k, plan, place)
    _cache(request, anchors, (tools if config is not None else [], system, messages), place)
    body: dict[str, Any] = {
        "system": system,
        "messages": messages,
        "inferenceConfig": inference,
        "toolConfig": config,
        "outputConfig": output_config,
        "additionalModelRequestFields": fields,
        "requestMetadata": _metadata(request, losses),
        "serviceTier": _tier(request, losses),
    }
    _unsaid(request, losses)
    _extend(body, request, losses)
    return {name: value for name, value in body.items() if value or name == "messages"}


def _is_amid_turn(messages: list[dict[str, Any]]) -> bool:
    """Tell whether the assistant began a turn without reasoning, and has not ended it: refused where thinking has a budget."""
    if messages and messages[-1]["role"] == "assistant":
        return "reasoningContent" not in messages[-1]["content"][0]
    if len(messages) < 2 or "toolResult" not in messages[-1]["content"][0]:
        return False
    return "reasoningContent" not in messages[-2]["content"][0]


def _cache(request: LlmRequest, anchors: Anchors, written: tuple[list[Block], list[Block], list[Block]], place: Place) -> None:
    """`written`: tools, system, messages."""
    tools, system, messages = written
    anchors.tools = [] if place.is_caching and not place.takes_point(tools) else tools
    anchors.system = system
    set_marks(request.capabilities.prompt_cache, anchors, messages, place)
    for blocks in (tools, system, *[message["content"] for message in messages]):
        blocks[:] = filter(None, blocks)  # a point that was taken off is an empty block


def _inference(request: LlmRequest, plan: Plan, place: Place) -> dict[str, Any]:
    generation, losses = request.generation, place.losses
    written: dict[str, Any] = {} if plan.max_tokens is None else {"maxTokens": plan.max_tokens}
    for name, member in (("temperature", "temperature"), ("top_p", "topP")):
        value = getattr(generation, name)
        if value is None:
            continue
        if not place.dialect.accepts_sampling:
            losses.drop(f"generation.{name}", "the model takes no sampling parameters")
        elif plan.thinking.is_on and not (name == "temperature" and value == 1):
            losses.drop(f"generation.{name}", "not together with thinking")
        elif written.get("temperature") is not None and place.family == "claude":
            losses.drop(f"generation.{name}", "not together with a temperature")
        elif value > 1:
            losses.approximate(f"generation.{name}", "at most 1 in Converse")
            written[member] = 1.0
        else:
            written[member] = value
    if stop := stops_of_words(generation, losses):
        written["stopSequences"] = stop
    return written


def _output_config(request: LlmRequest, plan: Plan, system: list[Block], place: Place) -> dict[str, Any]:
    config: dict[str, Any] = {"effort": plan.thinking.effort} if plan.thinking.effort else {}
    output = request.capabilities.structured_output
    if output is not None and (closed := held_to(output, system, place, takes_schemas=place.dialect.takes_schemas)) is not None:
        schema = {"schema": msgspec.json.encode(closed).decode()}
        schema |= {name: value for name in ("name", "description") if (value := getattr(output, name))}
        config["textFormat"] = {"type": "json_schema", "structure": {"jsonSchema": schema}}
    return config


def _metadata(request: LlmRequest, losses: Losses) -> dict[str, str]:
    """Return what may stand in the invocation log."""
    written: dict[str, str] = {}
    for name, value in request.metadata.items():
        if len(written) < _MOST_METADATA and _METADATA.fullmatch(name) and (not value or _METADATA.fullmatch(value)):
            written[name] = value
        else:
            losses.drop(f"metadata.{name}", "Converse takes 16 pairs, in letters, digits and a few signs")
    return written


def _tier(request: LlmRequest, losses: Losses) -> dict[str, str] | None:
    tier = request.generation.service_tier
    if tier in {"", "auto"}:
        return None
    word = tier_said(tier, _TIERS, losses, "Converse has default, flex and priority")
    return None if word is None else {"type": word}


def _unsaid(request: LlmRequest, losses: Losses) -> None:
    drop_unsaid(request.generation, losses, "Converse")
    if request.user_id:
        losses.drop("user_id", "Converse knows no end users")
    if request.store:
        losses.drop("store", "Converse keeps nothing")
    drop_unsaid_capabilities(request.capabilities, losses, "Converse")
    if request.capabilities.safety:
        losses.drop("capabilities.safety", "safety is a guardrail's in Bedrock: guardrailConfig")


def _extend(body: dict[str, Any], request: LlmRequest, losses: Losses) -> None:
    for name, value in request.vendor_extensions.items():
        if name not in PASSED:
            losses.drop(f"vendor_extensions.{name}", "Converse does not know it")
        elif not body.get(name):
            body[name] = value
        elif type(value) is dict:
            body[name] = {**value, **body[name]}
