"""Bedrock's count of tokens."""

import base64

import msgspec
from msgspec.structs import replace

from omnillm.testing.replies import bedrock_converse, bedrock_invoke
from omnillm.testing.replies.reading import demand
from omnillm.testing.replies.speaker import Asked, Json, Malformed

COUNTED_MEMBERS = frozenset({"messages", "system", "toolConfig", "additionalModelRequestFields"})


def read(body: Json) -> Asked:
    """A question for the tokens of a prompt: a body of Converse, or one of InvokeModel in base64."""
    asked = demand(body, "input", dict)
    if isinstance(conversation := asked.get("converse"), dict):
        if unknown := conversation.keys() - COUNTED_MEMBERS:
            raise Malformed(f"#/input/converse: extraneous key {sorted(unknown)} is not permitted")
        return bedrock_converse.read(conversation)
    return bedrock_invoke.read(msgspec.json.decode(base64.b64decode(demand(demand(asked, "invokeModel", dict), "body", str))))


SPEAKER = replace(bedrock_converse.SPEAKER, read=read)
