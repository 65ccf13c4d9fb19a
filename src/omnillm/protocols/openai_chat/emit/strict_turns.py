"""Messages in the turns that Mistral takes: of the system at the start alone, and of a user never right behind a tool's.

It answers 400 to any others (`invalid_request_message_order`), and to a conversation that ends with the assistant's words unless they are
marked as the beginning of its answer.
"""

from typing import Any

from omnillm.protocols.openai_chat.place import Place


def in_strict_turns(messages: list[dict[str, Any]], place: Place) -> list[dict[str, Any]]:
    written: list[dict[str, Any]] = []
    before = "system"
    for message in messages:
        if message["role"] == "system" and before != "system":
            message = _said_by_the_user(message, place)  # noqa: PLW2901  the turn that takes its place
        if message["role"] == "user" and before == "tool":
            place.losses.approximate("input[*]", "the assistant says a word between a tool's result and the user")
            written.append({"role": "assistant", "content": "OK."})
        written.append(message)
        before = message["role"]
    if before == "assistant" and "tool_calls" not in written[-1]:
        written[-1]["prefix"] = True
    return written


def _said_by_the_user(message: dict[str, Any], place: Place) -> dict[str, Any]:
    place.losses.move("input[*]", "a system message is said by the user, inside <system>")
    content = message["content"]
    words = content if type(content) is str else "\n\n".join(part["text"] for part in content)
    return {"role": "user", "content": f"<system>\n{words}\n</system>"}
