"""Which blocks a reply has: what the markers of the prompt ask for, as far as the cap lets it be said. Pure."""

from typing import Literal, NamedTuple

from omnillm.testing.generation import Block, words_for
from omnillm.testing.replies.speaker import Asked
from omnillm.testing.samples import answer_for, argument_pieces, arguments_for

REASONING = ("First", " I", " look", " at", " the", " lake.")
REFUSAL = ("I", " cannot", " help", " with", " that.")
SHORT = 4
"""Words before parallel calls."""


class Composed(NamedTuple):
    blocks: tuple[Block, ...]
    finish: Literal["end", "length", "tool", "refusal", "stop"]
    stop: str = ""


def compose(asked: Asked, usual: int, room: int | None) -> Composed:
    """A text of the usual length, unless a marker wants more. `room` is what the cap leaves, in tokens; None is no cap."""
    if "refuse" in asked.markers:
        return Composed(() if asked.refuses_silently else (Block(kind="text", words=REFUSAL[:room]),), "refusal")
    thought = REASONING[:room] if asked.markers & {"think", "redacted"} else ()
    if room is not None:
        room -= len(thought)
    said = _calling(asked, usual, room) or _telling(asked, usual, room)
    if not thought:
        return said
    spoken = [block for block in said.blocks if block.words]
    return said._replace(blocks=(Block(kind="reasoning", words=thought), *spoken))


def _calling(asked: Asked, usual: int, room: int | None) -> Composed | None:
    """Calls are made whole or not at all."""
    if not asked.tools or not asked.markers & {"tool", "tools"}:
        return None
    in_parallel = "tools" in asked.markers
    blocks = [
        Block(kind="tool", words=argument_pieces(arguments_for(tool["schema"])), name=str(tool["name"]), call=number)
        for number, tool in enumerate(asked.tools if in_parallel else asked.tools[:1])
    ]
    if in_parallel:
        blocks.insert(0, Block(kind="text", words=words_for(asked.prompt, asked.model, min(SHORT, usual), asked.images)))
    if room is not None and sum([len(block.words) for block in blocks]) > room:
        return None
    return Composed(tuple(blocks), "tool")


def _telling(asked: Asked, usual: int, room: int | None) -> Composed:
    """One text: JSON where a schema holds the model to it."""
    if asked.schema is not None:
        pieces = argument_pieces(answer_for(asked.schema))
        said = pieces if room is None else pieces[:room]
        return Composed((Block(kind="text", words=said),), "length" if len(said) < len(pieces) else "end")
    words = words_for(asked.prompt, asked.model, usual if room is None else min(usual, room), asked.images)
    if "stop" in asked.markers and asked.stops:
        return Composed((Block(kind="text", words=words[: -(-len(words) // 2)]),), "stop", asked.stops[0])
    return Composed((Block(kind="text", words=words),), "length" if len(words) < usual else "end")
