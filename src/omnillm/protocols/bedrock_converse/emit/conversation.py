"""Messages and tool results, written as Converse's system blocks and alternating turns."""

from typing import Any

from omnillm.model.message import ToolResult
from omnillm.model.request import LlmRequest
from omnillm.protocols.anthropic_messages.emit.conversation import Conversation, Speech
from omnillm.protocols.bedrock_converse.emit.parts import add_block, result_content, tool_result_block
from omnillm.protocols.bedrock_converse.place import Place
from omnillm.protocols.differences.cache_marks import Anchors
from omnillm.protocols.differences.turns import Block, around_result


def emit_conversation(request: LlmRequest, place: Place, anchors: Anchors) -> tuple[list[Block], list[dict[str, Any]]]:
    """(system blocks, messages)."""
    conversation = Conversation(request, place, anchors, _SPEECH)
    conversation.write()
    turns = conversation.turns
    turns.end(takes_last_word=place.dialect.takes_last_word)
    if place.family != "claude":
        turns.begin(f"input[{conversation.start}]")
    if place.beside_results is not None:
        turns.keep_results_apart(place.beside_results)
    if place.documents:
        _name_lone_documents(turns.messages, place)
    conversation.let_user_speak(len(conversation.system))
    return conversation.system, turns.messages


def _name_lone_documents(messages: list[dict[str, Any]], place: Place) -> None:
    """Converse refuses a message with a document and no text."""
    for message in messages:
        names = [block["document"]["name"] for block in message["content"] if "document" in block]
        if names and not any("text" in block for block in message["content"]):
            place.losses.default("input[*]", "a document's name, as the text that Converse wants beside it")
            message["content"].append({"text": names[0]})


def _result(result: ToolResult, place: Place) -> list[Block]:
    blocks = [tool_result_block(result, place)]
    if result.cache_control is not None:
        place.mark(blocks, result.cache_control, place.around())
    return blocks


def _lost_result(result: ToolResult, place: Place) -> list[Block]:
    """Converse refuses a result without its call."""
    path = place.around()
    place.losses.approximate(path, "said by the user, inside <tool_result>, for its call is not here")
    place.losses.drop_extensions(result.vendor_extensions, f"{path}.", place.unknown)
    opening, ending = around_result(result)
    content = [block for block in result_content(result, place) if "json" not in block]
    if len(content) < len(result.content):
        place.losses.drop(f"{path}.content", "JSON stands in results of tools alone")
    blocks = [{"text": opening}, *content, {"text": ending}]
    if result.cache_control is not None:
        place.mark(blocks, result.cache_control, path)
    return blocks


_SPEECH = Speech(add=add_block, result=_result, lost_result=_lost_result)
