"""What an emitter of requests must know about the host and the model that it writes for: a dialect of its protocol's own."""

from collections.abc import Mapping
from math import inf

import msgspec


class Dialect(msgspec.Struct, frozen=True, kw_only=True):
    provider: str = ""
    """The provider whose opaque values can be sent back; "": any provider of the protocol."""
    can_stop_thinking: bool = True
    """The model can be told not to reason. False: what asks for it is left out, because the model would refuse the call."""
    takes_last_word: bool = True
    """The conversation may end with the assistant's own words, from which the model goes on. Read of Claude's and Gemini's models alone."""
    most_output: int = 0
    """Tokens: a cap above them would be refused. 0: not known."""


class OpenAiDialect(Dialect, frozen=True, kw_only=True):
    """Of both protocols of OpenAI's."""

    is_openai: bool = True
    """The host is OpenAI's own, and refuses members that it does not know."""
    efforts: tuple[str, ...] | None = None
    """What the model takes of none, minimal, low, medium, high, xhigh, max; (): nothing; None: not known."""
    rests: bool | None = None
    """Whether the model reasons only if it is asked to. While it does, it takes no sampling. None: it always does."""
    takes_schemas: bool = True
    """False on hosts that hold an answer to no schema."""


class ChatDialect(OpenAiDialect, frozen=True, kw_only=True):
    """Of Chat Completions, which most hosts speak, each in its own way."""

    system_role: str = "developer"
    """What OpenAI's own models call it; most compatible hosts know only "system"."""
    takes_parts: bool = True
    """False on hosts that take a message's content as one string only."""
    takes_pictures: bool = False
    """Where content is one string, an array all the same of a user who shows a picture."""
    thoughts_member: str = "reasoning_content"
    """Where an assistant's message has what it thought; "": nowhere. With another name the host takes no other members, either."""
    needs_thoughts: bool = False
    """An assistant's message is refused without them."""
    switches_thoughts: bool = False
    """thinking.type disabled is how thinking stops, and it must stop before a call of a tool can be forced."""
    id_length: int = 0
    """Ids of calls are so many letters and digits; 0: at most OpenAI's 40, or whatever is."""
    output_cap_member: str = "max_completion_tokens"
    """"max_tokens" on most compatible hosts."""
    rests_beside_tools: bool = False
    """Tools are refused unless the model is told not to reason."""
    members: Mapping[str, str] = {}
    """What the host calls members of the body; "": it refuses them."""
    most_temperature: float = inf
    """Of a host with other `members`: it refuses a higher one."""
    has_strict_turns: bool = False
    """The system speaks first, a user not right behind a tool, and the assistant's last words are marked as a beginning."""
    has_documents: bool = False
    """Files are parts of type document_url."""
    has_web_search: bool = False
    """One of OpenAI's search models, which alone take web_search_options."""


class ResponsesDialect(OpenAiDialect, frozen=True, kw_only=True):
    """Of Responses."""

    knows_all_members: bool = True
    """False on hosts that refuse members of OpenAI's which they do not know."""


class ClaudeDialect(Dialect, frozen=True, kw_only=True):
    """Of the Messages API."""

    default_max_tokens: int = 4096
    """An output cap is needed: this one where the client gave none."""
    accepts_sampling: bool = True
    """False for models, and from API version 2026-10-21 on, that refuse temperature, top_p and top_k."""
    thinks_adaptively: bool = False
    """The model takes thinking.type adaptive with an effort, not a budget."""
    thinks_between_tools: bool = False
    """The model is told not to think by thinking.type between_tools, the least that it takes."""
    forces_calls: bool = True
    """A call of a tool can be forced."""


class ConverseDialect(ClaudeDialect, frozen=True, kw_only=True):
    """Of Converse, by which Claude is asked as well."""

    takes_schemas: bool = True
    """False of models that hold an answer to no schema."""


class GeminiDialect(Dialect, frozen=True, kw_only=True):
    """Of generateContent and of Interactions."""

    efforts: tuple[str, ...] | None = None
    """The levels of thinking that the model takes, lowest first, in place of a budget, which 4 and later refuse. (): it takes no word on
    it. None: it takes a budget, or its levels are not known."""
    thinks_in_levels: bool = True
    """3 and later take thinkingLevel; earlier ones a budget alone."""
    is_vertex: bool = False
    """Vertex AI counts the members of a prompt, not a whole generation, takes a tier in a header alone, refuses ids of calls, and to be
    asked for the calls of its own tools beside functions, where the Gemini API refuses not to be."""
    takes_penalties: bool = True
    """Earlier ones than 2.5, and 2.5 on Vertex AI, take presencePenalty and frequencyPenalty."""
    joins_tools: bool = True
    """3 and later take functions beside tools of Google's own, JSON beside both, pictures in a function's response, and ids of calls."""
    gives_one_answer: bool = False
    """4 and later refuse to be asked for several."""
