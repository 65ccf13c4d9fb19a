"""Hosts that the fake provider can pose as: what they refuse that OpenAI takes, and what they tell that OpenAI does not."""

import re
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from typing import Final

import msgspec
from msgspec.structs import replace

from omnillm.testing.delivery import Reply
from omnillm.testing.replies.speaker import Asked, Json, Malformed

CHAT: Final = "openai_chat"
RESPONSES: Final = "openai_responses"
EXTRA: Final = "extra_forbidden"
SSE: Final = b"data: "


def as_it_is(usage: Json) -> Json:
    return usage


def _deepseek(usage: Json) -> Json:
    cached = usage["prompt_tokens_details"]["cached_tokens"]
    told = {name: usage[name] for name in ("prompt_tokens", "completion_tokens", "total_tokens")}
    return told | {"prompt_cache_hit_tokens": cached, "prompt_cache_miss_tokens": usage["prompt_tokens"] - cached}


def _xai(usage: Json) -> Json:
    """The completion is without its reasoning; only the total has it."""
    reasoning = usage["completion_tokens_details"]["reasoning_tokens"]
    return usage | {"completion_tokens": usage["completion_tokens"] - reasoning, "num_sources_used": 0}


def _openrouter(usage: Json) -> Json:
    return usage | {"cost": 0.00014, "is_byok": False}


class Host(msgspec.Struct, frozen=True, kw_only=True):
    """One of them. A request that it does not take is answered with its own status."""

    root: str = "/v1"
    """What stands before an operation's path."""
    refused: frozenset[str] = frozenset()
    """Members of a chat body."""
    is_agent: bool = False
    """Perplexity's: it has no chat, and takes of a Responses body what `_judge_agent` knows."""
    refusal_status: int = 400
    roles: frozenset[str] = frozenset({"system", "user", "assistant", "tool"})
    """Of messages; none: all are."""
    takes_parts: bool = True
    """False: content is one string, but where a user shows a picture."""
    refused_of_assistant: frozenset[str] = frozenset()
    """Members of what the assistant said."""
    needs_thoughts: bool = False
    """What the assistant said must be there with what it thought."""
    thinks_unless_told: bool = False
    """No call of a tool can be forced while it thinks."""
    takes_schemas: bool = True
    id_length: int = 0
    """Letters and digits of a call's id; 0: whatever is."""
    nobody: str = ""
    """Who asks it without a key, in log and invoice; "": nobody may."""
    always_tells_usage: bool = False
    usage: Callable[[Json], Json] = as_it_is
    comment: bytes = b""
    """What a stream begins with."""
    has_deployments: bool = False
    """Azure's older paths are there too."""

    def inside(self, target: str) -> str:
        """The target as OpenAI's own host would be asked; "" where nothing of this host's is."""
        if self.root == "/v1":
            return target
        if self.has_deployments and (found := SESSION.fullmatch(target)):
            return f"/v1/realtime?model={found[1]}"
        if self.has_deployments and (found := DEPLOYMENT.fullmatch(target)):
            return f"/v1/{found[1] or found[2]}"
        return "/v1" + target[len(self.root) :] if target.startswith(f"{self.root}/") else ""

    def completed(self, target: str, raw: bytes) -> bytes:
        """The body with the model that an older path of Azure's names."""
        found = DEPLOYED.match(target) if self.has_deployments else None
        return raw.replace(b"{", b'{"model":"%b",' % found[1].encode(), 1) if found and b'"model"' not in raw else raw

    def take(self, protocol: str, raw: bytes, asked: Asked) -> Asked:
        """What a chat asks of this host. Raises Malformed."""
        if self.is_agent:
            if protocol != RESPONSES:
                raise Malformed("Sonar is now the Agent API. Use /v1/responses instead of /chat/completions.")
            _judge_agent(msgspec.json.decode(raw))
            return asked
        if self is ITSELF or protocol != CHAT:
            return asked
        self._judge(msgspec.json.decode(raw))
        return replace(asked, wants_usage=asked.wants_usage or self.always_tells_usage)

    def status_of(self, code: str) -> int:
        if code == "thread_not_found":
            return 404
        return self.refusal_status if code == EXTRA else 400

    def _judge(self, body: Json) -> None:
        for name in body:
            if name in self.refused:
                raise Malformed(f"body.{name}: Extra inputs are not permitted", EXTRA)
        self._judge_wishes(body)
        for number, message in enumerate(body.get("messages") or ()):
            if message.get("role") not in self.roles:
                raise Malformed(f"messages[{number}].role: unknown variant `{message.get('role')}`")
            if not self.takes_parts and isinstance(message.get("content"), list) and not _shows(message):
                raise Malformed(f"messages[{number}].content: expected a string")
            if message["role"] == "assistant":
                self._judge_assistant(message, number)

    def _judge_wishes(self, body: Json) -> None:
        form = (body.get("response_format") or {}).get("type")
        if form == "json_schema" and not self.takes_schemas:
            raise Malformed("This response_format type is unavailable now")
        if form == "json_object" and b"json" not in msgspec.json.encode(body.get("messages")).lower():
            raise Malformed("Prompt must contain the word 'json' in some form to use 'response_format' of type 'json_object'.")
        is_thinking = self.thinks_unless_told and body.get("thinking") != {"type": "disabled"}
        if is_thinking and body.get("tool_choice", "auto") not in {"auto", "none"}:
            raise Malformed("Thinking mode does not support this tool_choice")

    def _judge_assistant(self, message: Json, number: int) -> None:
        for name in sorted(self.refused_of_assistant.intersection(message)):
            raise Malformed(f"messages.{number}.assistant.{name}: Extra inputs are not permitted", EXTRA)
        if self.needs_thoughts and not message.get("reasoning_content"):
            raise Malformed("The `reasoning_content` in the thinking mode must be passed back to the API.")
        for call in message.get("tool_calls") or ():
            if self.id_length and not (len(call["id"]) == self.id_length and call["id"].isalnum()):
                raise Malformed(f"Tool call id was {call['id']} but must be a-z, A-Z, 0-9, with a length of {self.id_length}.")

    def dress(self, protocol: str, reply: Reply) -> None:
        """Tell usage in its own words, and begin a stream as it does."""
        if self is ITSELF or protocol != CHAT:
            return
        for piece in reply.pieces:
            if b'"usage":{' in piece.raw:
                is_event = piece.raw.startswith(SSE)
                body = msgspec.json.decode(piece.raw.removeprefix(SSE))
                body["usage"] = self.usage(body["usage"])
                raw = msgspec.json.encode(body)
                piece.raw = b"%b%b\n\n" % (SSE, raw) if is_event else raw
        if self.comment and reply.is_chunked:
            reply.pieces[0].raw = self.comment + reply.pieces[0].raw


def _shows(message: Json) -> bool:
    return message["role"] == "user" and any(part.get("type") == "image_url" for part in message["content"])


def _judge_agent(body: Json) -> None:
    _know(body, AGENT_MEMBERS)
    _know(body.get("reasoning") or {}, {"effort"})
    for item in body["input"] if isinstance(body["input"], list) else ():
        _know(item, AGENT_ITEMS[item.get("type", "message")])
        for part in item["content"] if isinstance(item.get("content"), list) else ():
            _know(part, {"type", "text", "image_url"})
            if part["type"] not in {"input_text", "input_image"}:
                raise Malformed(f"invalid request body: unknown type {part['type']}", EXTRA)


def _know(told: Json, known: AbstractSet[str]) -> None:
    for name in told:
        if name not in known:
            raise Malformed(f'invalid request body: json: unknown field "{name}"', EXTRA)


AGENT_MEMBERS: Final = frozenset(
    {
        *("model", "models", "preset", "input", "instructions", "language_preference", "max_output_tokens", "max_steps"),
        *("temperature", "top_p", "stream", "stream_options", "reasoning", "response_format", "tools", "tool_choice"),
        *("max_tool_calls", "parallel_tool_calls", "previous_response_id", "background", "metadata", "store", "truncation", "skills"),
    }
)
AGENT_ITEMS: Final[Mapping[str, AbstractSet[str]]] = {
    "message": {"type", "role", "content"},
    "function_call": {"type", "call_id", "name", "arguments", "thought_signature"},
    "function_call_output": {"type", "call_id", "name", "output", "thought_signature"},
}
ITSELF: Final = Host()
"""OpenAI, Anthropic and Google, each as it is."""
OPENAI_ONLY: Final = frozenset({"prompt_cache_key", "prompt_cache_retention", "safety_identifier", "verbosity", "store", "metadata"})
ONE_CAP: Final = frozenset({"max_completion_tokens"})
OTHERS_OF_ASSISTANT: Final = frozenset({"annotations", "images", "reasoning_content", "thinking_blocks"})
DEPLOYMENT: Final = re.compile(
    r"/openai/(?:deployments/[\w.-]+/(chat/completions|embeddings|images/(?:generations|edits)|audio/(?:speech|transcriptions|translations))"
    r"|(responses))\?api-version=\d{4}-\d{2}-\d{2}(?:-preview)?"
)
SESSION: Final = re.compile(r"/openai/realtime\?api-version=\d{4}-\d{2}-\d{2}(?:-preview)?&deployment=([\w.-]+)")
DEPLOYED: Final = re.compile(r"/openai/deployments/([\w.-]+)/")
FILTERS: Final = (
    b'data: {"choices":[],"created":0,"id":"","model":"","object":"","prompt_filter_results":[{"prompt_index":0,'
    b'"content_filter_results":{"hate":{"filtered":false,"severity":"safe"}}}]}\n\n'
)
"""What a stream of Azure begins with."""
HOSTS: Final[Mapping[str, Host]] = {
    "azure_openai": Host(
        root="/openai/v1", has_deployments=True, comment=FILTERS, roles=frozenset({"system", "developer", "user", "assistant", "tool"})
    ),
    "groq": Host(
        root="/openai/v1", refused=OPENAI_ONLY | {"logprobs", "logit_bias", "top_logprobs"}, refused_of_assistant=OTHERS_OF_ASSISTANT
    ),
    "mistral": Host(
        refused=OPENAI_ONLY | ONE_CAP | {"stream_options", "user", "logit_bias"},
        refused_of_assistant=OTHERS_OF_ASSISTANT | {"reasoning"},
        id_length=9,
        refusal_status=422,
        always_tells_usage=True,
    ),
    "deepseek": Host(
        refused=OPENAI_ONLY | ONE_CAP,
        takes_parts=False,
        needs_thoughts=True,
        thinks_unless_told=True,
        takes_schemas=False,
        usage=_deepseek,
        comment=b": keep-alive\n\n",
    ),
    "together": Host(refused=OPENAI_ONLY | ONE_CAP),
    "fireworks": Host(root="/inference/v1", refused=OPENAI_ONLY),
    "openrouter": Host(root="/api/v1", usage=_openrouter, comment=b": OPENROUTER PROCESSING\n\n", refused=OPENAI_ONLY),
    "xai": Host(refused=OPENAI_ONLY | {"logit_bias"}, usage=_xai),
    "perplexity": Host(is_agent=True),
    "cerebras": Host(
        refused=OPENAI_ONLY | {"frequency_penalty", "presence_penalty", "logit_bias"}, refused_of_assistant=OTHERS_OF_ASSISTANT
    ),
    "ollama": Host(refused=ONE_CAP, nobody="keyless"),
    "vllm": Host(nobody="keyless", refused=frozenset({"prompt_cache_retention"})),
    "lm_studio": Host(refused=ONE_CAP, nobody="keyless"),
}
"""By kind. A real host ignores some of what is refused here; what it ignores, nobody should send it."""
