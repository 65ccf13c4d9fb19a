"""Whatever a provider can answer in the types of its SDK arrives at a client of every protocol, or is told; the client's SDK reads it all."""

import msgspec
import pytest
from tests.in_turn import in_turn
from tests.protocols.directions import CONTEXT, sdk_reads
from tests.protocols.sdk_types import decided
from tests.protocols.sdk_types.answered import PROVIDERS, replies
from tests.protocols.sdk_types.asked import BETA
from tests.protocols.sdk_types.judged import LETTERS, Fates, Said, undecided
from tests.protocols.sdk_types.newer import NEW, REPLIES, WORDS

from omnillm.protocols.transcode import parse_response, transcode_response
from omnillm.usage import Usage

CLIENTS = [protocol for protocol in LETTERS if protocol != "bedrock_converse"]
clients = pytest.mark.parametrize("client", CLIENTS)
providers = pytest.mark.parametrize("provider", PROVIDERS)
_COUNTS = (*Usage.__struct_fields__, "prompt_tokens", "completion_tokens")


def spoken(provider: str) -> str:
    return "anthropic_messages" if provider == BETA else provider


@clients
@providers
def test_every_member_of_a_reply_arrives_or_is_told(provider: str, client: str) -> None:
    """None vanishes without a word, none is a defect, and the client's SDK reads the reply in its strict mode."""
    protocol, fates = spoken(provider), Fates()
    for path, body in replies(provider):
        report = transcode_response(protocol, client, msgspec.json.encode(body), context=CONTEXT)
        if protocol != client:
            sdk_reads(client, report.value)
        if not path.startswith(".usage"):
            fates.add(path, Said(body, msgspec.json.decode(report.value), frozenset(report.loss_reasons)))
    assert undecided(fates.silent(), client, decided.REPLIES[provider]) == ([], [])


@clients
@providers
def test_every_count_is_the_same_in_the_clients_words_or_told(provider: str, client: str) -> None:
    """Cached, reasoning, audio and tool tokens, and the calls of hosted tools: what the provider counts is what the client adds up."""
    protocol = spoken(provider)
    for path, body in replies(provider):
        if not path.startswith(".usage") or protocol == client:
            continue
        raw = msgspec.json.encode(body)
        report = transcode_response(protocol, client, raw, context=CONTEXT)
        counted = parse_response(protocol, raw).value.usage
        read = parse_response(client, report.value).value.usage
        assert counted is not None
        told = {reason.path.removeprefix("usage.") for reason in report.loss_reasons}
        differ = {name for name in _COUNTS if getattr(counted, name) != getattr(read, name)}
        assert not differ or told & differ, path
        assert counted.total_tokens == getattr(read, "total_tokens", None), path


@clients
@in_turn(("provider", "what"), REPLIES, ids=[f"{provider}: {what}" for provider, what in REPLIES])
def test_reply_in_words_of_tomorrow_is_read_today(provider: str, what: str, client: str) -> None:
    """Words, parts and members that nobody knows yet leave the rest of the answer as it is, and are never handed on as if they were known."""
    if provider == client:
        return
    report = transcode_response(provider, client, msgspec.json.encode(REPLIES[provider, what]), context=CONTEXT)
    sdk_reads(client, report.value)
    assert WORDS in report.value.decode()
    assert NEW not in report.value.decode().lower()
    assert report.loss_reasons or what in {"role", "finish reason", "stop reason"}
