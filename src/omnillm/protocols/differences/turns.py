"""Messages that take turns, as Claude and Converse want them."""

from typing import Any

from omnillm.model.message import ToolResult
from omnillm.protocols.loss import Losses

_BEGIN, GO_ON = "Begin.", "Continue."
ASKED_TO_GO_ON = "the model does not go on from its own words: the user asks it to"
Block = dict[str, Any]


def around_result(result: ToolResult) -> tuple[str, str]:
    """What stands around a result whose call is not in the conversation, where the user says it: no provider takes it without its call."""
    name = f' name="{result.name}"' if result.name else ""
    failed = ' is_error="true"' if result.is_error else ""
    return f"<tool_result{name}{failed}>", "</tool_result>"


def as_error(content: list[Block], kind: str) -> list[Block]:
    """Say in the text of a result that it is an error, unless it begins so. `kind`: the type of a block of text."""
    is_said = bool(content) and content[0].get("type") == kind and content[0]["text"].lower().startswith("error")
    return content if is_said else led("Error: ", content, kind)


def led(words: str, content: list[Block], kind: str) -> list[Block]:
    """Put words before the first text."""
    if content and content[0].get("type") == kind:
        return [{**content[0], "text": words + content[0]["text"]}, *content[1:]]
    return [{"type": kind, "text": words.rstrip()}, *content]


class Turns:
    """Adjacent items of one role are one message; in a user's, the results of tools come first. `number`: which item of the input."""

    __slots__ = ("_last", "_losses", "_results", "_role", "messages")

    def __init__(self, losses: Losses) -> None:
        self.messages: list[dict[str, Any]] = []
        self._losses = losses
        self._last = 0
        """The number of the last item that was said."""
        self._role = ""
        self._results = 0
        """Blocks of tools' results at the start of the last message."""

    def content(self, role: str) -> list[Block]:
        """Return the content of the message that is being written, a new one where the role changes."""
        if role != self._role:
            self._role = role
            self._results = 0
            self.messages.append({"role": role, "content": []})
        content: list[Block] = self.messages[-1]["content"]
        return content

    def say(self, role: str, blocks: list[Block], number: int) -> list[Block]:
        """Return the content that the blocks became a part of."""
        content = self.content(role)
        if len(content) > self._results:
            self._losses.move(f"input[{number}]", "joined with the message before it")
        content += blocks
        self._last = number
        return content

    def answer(self, results: list[Block], number: int) -> None:
        """Results of tools, with what belongs to them."""
        content = self.content("user")
        if len(content) > self._results:
            self._losses.move(f"input[{number}]", "the results of tools come first")
        content[self._results : self._results] = results
        self._results += len(results)

    def begin(self, path: str) -> None:
        """Let a user ask for the assistant's first words, of which Converse's models (but Claude's) refuse to go on. `path`: theirs."""
        if self.messages and self.messages[0]["role"] == "assistant":
            self._losses.approximate(path, "the model begins with the user, who asks for it")
            self.messages.insert(0, {"role": "user", "content": [{"text": _BEGIN}]})

    def keep_results_apart(self, allowed: frozenset[str]) -> None:
        """Let the assistant say a word between results of tools and what the user says beside them, if that is not `allowed` there."""
        for number, message in reversed(list(enumerate(self.messages))):
            content = message["content"]
            results = [place for place, block in enumerate(content, 1) if "toolResult" in block]
            if not results or all("toolResult" in block or allowed.issuperset(block) for block in content):
                continue
            end = results[-1]
            while end < len(content) and "cachePoint" in content[end]:
                end += 1
            self._losses.approximate("input[*]", "the assistant says a word between a tool's result and the user")
            between = {"role": "assistant", "content": [{"text": "OK."}]}
            self.messages[number:number] = [{"role": "user", "content": content[:end]}, between]
            del content[:end]

    def end(self, *, takes_last_word: bool) -> None:
        """See to what the assistant is to go on from: no blanks at its end, and a user who asks for it where the model needs one."""
        block = self.messages[-1]["content"][-1] if self._role == "assistant" else {}
        words = block.get("text")
        if not words:
            return
        if words != words.rstrip():
            self._losses.approximate(f"input[{self._last}]", "without the blanks at its end")
            block["text"] = words.rstrip()
        if not takes_last_word:
            self._losses.approximate(f"input[{self._last}]", ASKED_TO_GO_ON)
            self.content("user").append({"type": "text", "text": GO_ON} if "type" in block else {"text": GO_ON})
