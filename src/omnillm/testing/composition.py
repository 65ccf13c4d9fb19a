"""The blocks of a reply: those that the markers in the prompt ask for, as far as the output cap allows. Pure."""

import re
from contextlib import suppress
from typing import Literal, NamedTuple

from omnillm.protocols.differences.asked_json import ASKING, ASKING_FOR
from omnillm.testing.generation import Block, words_for
from omnillm.testing.replies.reading import ANY_JSON, JSON
from omnillm.testing.replies.speaker import Asked
from omnillm.testing.samples import answer_for, argument_pieces, arguments_for, as_json

REASONING = ("First", " I", " look", " at", " the", " lake.")
REFUSAL = ("I", " cannot", " help", " with", " that.")
SHORT = 4
"""Words before parallel calls."""


class Composed(NamedTuple):
    blocks: tuple[Block, ...]
    finish: Literal["end", "length", "tool", "refusal", "stop"]
    stop: str = ""


def compose(asked: Asked, usual: int, room: int | None, says: str = "") -> Composed:
    """A text of the usual length, or `says`, unless a marker wants more. `room` is what the cap leaves, in tokens; None is no cap."""
    if "refuse" in asked.markers.words:
        return Composed(() if asked.refuses_silently else (Block(kind="text", words=REFUSAL[:room]),), "refusal")
    thought = REASONING[:room] if asked.markers.words & {"think", "redacted"} else ()
    if room is not None:
        room -= len(thought)
    said = _calling(asked, usual, room) or _telling(asked, usual, room, says)
    if not thought:
        return said
    spoken = [block for block in said.blocks if block.words]
    return said._replace(blocks=(Block(kind="reasoning", words=thought), *spoken))


def _calling(asked: Asked, usual: int, room: int | None) -> Composed | None:
    """Calls are made whole or not at all."""
    wanted = _wanted(asked)
    if not wanted:
        return None
    blocks = [
        Block(kind="tool", words=argument_pieces(arguments), name=name, call=number) for number, (name, arguments) in enumerate(wanted)
    ]
    if "tools" in asked.markers.words:
        blocks.insert(0, Block(kind="text", words=words_for(asked.prompt, asked.model, min(SHORT, usual), asked.images)))
    if room is not None and sum([len(block.words) for block in blocks]) > room:
        return None
    return Composed(tuple(blocks), "tool")


def _wanted(asked: Asked) -> list[tuple[str, str]]:
    """The calls, each with its arguments as JSON: those that are named, every tool, the first one, or what the tool choice demands.

    A named tool that is not there is not called: agents send the same prompt in side calls without tools, too. Where any will do it is
    the last: there they put the tool that ends a run.
    """
    words, schemas = asked.markers.words, {str(tool.name): tool.schema for tool in asked.tools}
    named = [each for each in asked.markers.calls if each.name in schemas]
    if named:
        return [(name, as_json(told) if told else arguments_for(schemas[name])) for name, told in named]
    called = asked.tools if "tools" in words else asked.tools[:1] if "tool" in words else ()
    if not called and asked.must_call is not None:
        called = tuple(tool for tool in asked.tools if asked.must_call in {"", str(tool.name)})[-1:]
    return [(str(tool.name), arguments_for(tool.schema)) for tool in called]


def _telling(asked: Asked, usual: int, room: int | None, says: str) -> Composed:
    """One text: the one that was given, or JSON where a schema holds the model to it."""
    schema = None if says else _schema(asked)
    if says or schema is not None:
        pieces = tuple(re.findall(r"\s*\S+|\s+$", says)) if says else argument_pieces(answer_for(schema))
        said = pieces if room is None else pieces[:room]
        return Composed((Block(kind="text", words=said),), "length" if len(said) < len(pieces) else "end")
    words = words_for(asked.prompt, asked.model, usual if room is None else min(usual, room), asked.images)
    if "stop" in asked.markers.words and asked.stops:
        return Composed((Block(kind="text", words=words[: -(-len(words) // 2)]),), "stop", asked.stops[0])
    return Composed((Block(kind="text", words=words),), "length" if len(words) < usual else "end")


def _schema(asked: Asked) -> object:
    """Also one that is told in words, as the gateway tells it to a host that has no other way."""
    if asked.schema is None:
        for text in asked.texts:
            _, _, told = text.partition(ASKING_FOR)
            if told.startswith("{"):
                with suppress(ValueError):  # a user's own words, cut
                    return JSON.raw_decode(told)[0]
            if ASKING in text:
                return ANY_JSON
    return asked.schema
