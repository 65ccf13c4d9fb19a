"""What the fake provider refuses in the history of a conversation, and what it lets pass."""

import base64
import json

import pytest

from omnillm.testing import Behaviour, FakeProvider

CALL = {"type": "function", "function": {"name": "t", "parameters": {}}}
GEMINI_TOOLS = [{"functionDeclarations": [{"name": "t", "parameters": {}}]}]
THINKER = "/v1beta/models/gemini-3-pro:generateContent"
USER = {"role": "user", "content": "hi"}


@pytest.fixture
async def provider():
    async with FakeProvider(keys={"*": Behaviour()}) as provider:
        yield provider


@pytest.fixture
def say(provider, ask):
    """A request with that history; its status and its body."""

    async def _say(protocol, text="hi", **members):
        seen = await ask(provider, protocol, text, **members)
        return seen.status, seen.json

    return _say


def error_of(told):
    status, body = told
    assert status == 400, body
    return body["error"]


def model(*parts):
    return {"role": "model", "parts": list(parts)}


def user(*parts):
    return {"role": "user", "parts": list(parts)}


# Anthropic


@pytest.mark.parametrize(("marker", "member"), [("[[think]]", "signature"), ("[[redacted]]", "data")])
async def test_anthropic_takes_back_what_it_signed(say, marker, member):
    """Any key of the provider may bring it; what it never gave is refused, with its place."""
    _, reply = await say("anthropic_messages", marker)
    block = reply["content"][0]
    history = [USER, {"role": "assistant", "content": reply["content"]}, USER]
    assert (await say("anthropic_messages", messages=history, key="sk-other"))[0] == 200
    history[1] = {"role": "assistant", "content": [block | {member: "forged"}]}
    error = error_of(await say("anthropic_messages", messages=history))
    assert error["type"] == "invalid_request_error"
    assert error["message"] == f"messages.1.content.0: Invalid `{member}` in `{block['type']}` block"


async def test_anthropic_wants_a_signature(say):
    """A thinking block without one is malformed."""
    history = [USER, {"role": "assistant", "content": [{"type": "thinking", "thinking": "hm"}]}, USER]
    assert "thinking.signature: Field required" in error_of(await say("anthropic_messages", messages=history))["message"]


async def test_anthropic_wants_the_call_of_a_result(say):
    """In the assistant's turn before it."""
    call = {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_1", "name": "t", "input": {}}]}
    result = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "149 m"}]}
    assert (await say("anthropic_messages", messages=[USER, call, result]))[0] == 200
    for history in ([USER, result], [USER, call, USER, {"role": "assistant", "content": "so?"}, result]):
        assert "unexpected `tool_use_id` found" in error_of(await say("anthropic_messages", messages=history))["message"]


# Gemini


async def test_gemini_takes_back_what_it_signed(say):
    """In either alphabet of base64, and what Google lets pass unchecked; anything else is refused."""
    _, reply = await say("gemini_generate_content", "[[tool]]", tools=GEMINI_TOOLS)
    part = reply["candidates"][0]["content"]["parts"][0]
    signature = part["thoughtSignature"]
    unchecked = "skip_thought_signature_validator"
    encoded = base64.b64encode(unchecked.encode()).decode()
    for value in (signature, signature.replace("+", "-").replace("/", "_"), unchecked, encoded):
        contents = [user({"text": "hi"}), model(part | {"thoughtSignature": value})]
        assert (await say("gemini_generate_content", contents=contents))[0] == 200
    contents = [user({"text": "hi"}), model(part | {"thoughtSignature": "Zm9yZ2Vk"})]
    error = error_of(await say("gemini_generate_content", contents=contents))
    assert (error["message"], error["status"]) == ("Thought signature is not valid", "INVALID_ARGUMENT")


async def test_gemini_3_wants_the_first_call_signed(say):
    """In the current turn, and of the newer models alone."""
    call, result = {"functionCall": {"name": "t", "args": {}}}, {"functionResponse": {"name": "t", "response": {}}}
    signed = call | {"thoughtSignature": "skip_thought_signature_validator"}
    bare = [user({"text": "hi"}), model(call), user(result)]
    error = error_of(await say("gemini_generate_content", path=THINKER, contents=bare))
    assert error["message"].startswith("Function call is missing a thought_signature in functionCall parts.")
    for path, contents in (
        (THINKER, [user({"text": "hi"}), model(signed, call), user(result, result)]),
        (THINKER, [*bare, model({"text": "so"}), user({"text": "thanks"})]),
        ("/v1beta/models/gemini-2.5-flash:generateContent", bare),
    ):
        assert (await say("gemini_generate_content", path=path, contents=contents))[0] == 200


async def test_gemini_wants_the_call_of_a_response(say):
    """By its name."""
    contents = [user({"text": "hi"}), model({"functionCall": {"name": "t"}}), user({"functionResponse": {"name": "u", "response": {}}})]
    assert "immediately after a function call turn" in error_of(await say("gemini_generate_content", contents=contents))["message"]


# OpenAI


async def test_responses_takes_back_what_it_encrypted_for_that_key(say):
    """Another key's is refused like a forged one."""
    _, reply = await say("openai_responses", "[[think]]", include=["reasoning.encrypted_content"])
    item = reply["output"][0]
    assert (await say("openai_responses", input=[item, USER]))[0] == 200
    foreign = error_of(await say("openai_responses", input=[item, USER], key="sk-other"))
    forged = error_of(await say("openai_responses", input=[item | {"encrypted_content": "gAAAforged"}, USER]))
    for error in (foreign, forged):
        assert (error["type"], error["code"]) == ("invalid_request_error", "invalid_encrypted_content")
    assert "organization_id" in foreign["message"]


async def test_responses_are_remembered_by_key_unless_they_are_not_stored(say):
    """`previous_response_id` goes on from a stored response of the same key."""
    _, stored = await say("openai_responses")
    _, forgotten = await say("openai_responses", store=False)
    status, reply = await say("openai_responses", previous_response_id=stored["id"])
    assert (status, reply["previous_response_id"], reply["store"], forgotten["store"]) == (200, stored["id"], True, False)
    for response_id, key in ((forgotten["id"], "sk-good"), (stored["id"], "sk-other"), ("resp_unknown", "sk-good")):
        error = error_of(await say("openai_responses", previous_response_id=response_id, key=key))
        assert (error["code"], error["param"]) == ("previous_response_not_found", "previous_response_id")
        assert error["message"] == f"Previous response with id '{response_id}' not found."


async def test_responses_wants_the_call_of_an_output(say):
    """In the input, or anywhere in the responses that it goes on from."""
    tool = {"type": "function", "name": "t", "parameters": {}}
    _, first = await say("openai_responses", "[[tools]]", tools=[tool, tool])
    calls = [item for item in first["output"] if item["type"] == "function_call"]
    outputs = [{"type": "function_call_output", "call_id": call["call_id"], "output": "149 m"} for call in calls]
    assert (await say("openai_responses", input=[USER, *calls, *outputs]))[0] == 200
    status, second = await say("openai_responses", input=outputs[:1], previous_response_id=first["id"])
    assert status == 200
    assert (await say("openai_responses", input=outputs[1:], previous_response_id=second["id"]))[0] == 200
    error = error_of(await say("openai_responses", input=[USER, *outputs]))
    assert error["message"] == f"No tool call found for function call output with call_id {outputs[0]['call_id']}."


async def test_chat_wants_the_call_of_a_tool_message(say):
    """In OpenAI's words, spelling included."""
    result = {"role": "tool", "tool_call_id": "call_1", "content": "149 m"}
    call = {"role": "assistant", "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "t", "arguments": "{}"}}]}
    assert (await say("openai_chat", messages=[USER, call, result]))[0] == 200
    assert "must be a response to a preceeding message" in error_of(await say("openai_chat", messages=[USER, result]))["message"]
    lost = [USER, call, result | {"tool_call_id": "call_2"}]
    assert "'tool_call_id' of 'call_2' not found" in error_of(await say("openai_chat", messages=lost))["message"]


# all of them


async def test_seals_hold_in_their_own_protocol_alone(say):
    """A signature of one protocol is a forgery in another."""
    _, reply = await say("anthropic_messages", "[[think]]")
    part = {"text": "hm", "thoughtSignature": reply["content"][0]["signature"]}
    assert (await say("gemini_generate_content", contents=[user({"text": "hi"}), model(part)]))[0] == 400


async def test_seals_follow_from_key_and_number(ask):
    """Two providers give the same seals for the same requests; another key or a later request gets others."""

    async def signatures(*keys):
        async with FakeProvider() as provider:
            return [(await ask(provider, "anthropic_messages", "[[think]]", key=key)).json["content"][0]["signature"] for key in keys]

    first, second = await signatures("a", "a")
    assert [first, second] == await signatures("a", "a")
    assert len({first, second, *await signatures("b")}) == 3


@pytest.mark.parametrize(
    ("protocol", "history"),
    [
        ("openai_chat", {"messages": [{"role": "user", "content": "[[tools]]"}, {"role": "assistant", "tool_calls": [CALL | {"id": "c"}]},
                                      {"role": "tool", "tool_call_id": "c", "content": "149 m"}], "tools": [CALL]}),
        ("openai_chat", {"messages": [{"role": "user", "content": "[[tools]]"},
                                      {"role": "assistant", "tool_calls": [{"id": "c", "type": "function", "function": {"name": "t", "arguments": "{}"}}]},
                                      {"role": "tool", "tool_call_id": "c", "content": "149 m"},
                                      {"role": "system", "content": "15,000 tokens are left"}],  # as Claude Code goes on
                         "tools": [{"type": "function", "function": {"name": "t", "parameters": {}}}]}),
        ("openai_responses", {"input": [{"role": "user", "content": "[[tools]]"},
                                        {"type": "function_call", "call_id": "c", "name": "t", "arguments": "{}"},
                                        {"type": "function_call_output", "call_id": "c", "output": "149 m"}],
                              "tools": [{"type": "function", "name": "t", "parameters": {}}]}),
        ("anthropic_messages", {"messages": [{"role": "user", "content": "[[tools]]"},
                                             {"role": "assistant", "content": [{"type": "tool_use", "id": "c", "name": "t", "input": {}}]},
                                             {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c", "content": "149 m"}]}],
                                "tools": [{"name": "t", "input_schema": {}}]}),
        ("gemini_generate_content", {"contents": [user({"text": "[[tools]]"}), model({"functionCall": {"name": "t"}}),
                                                  user({"functionResponse": {"name": "t", "response": {"result": "149 m"}}})],
                                     "tools": GEMINI_TOOLS}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
async def test_answered_calls_are_not_made_again(say, protocol, history):
    """A marker holds for the turn that it stands in: after the results comes a text."""
    status, reply = await say(protocol, **history)
    assert status == 200
    assert "You said:" in json.dumps(reply)
    assert not any(kind in json.dumps(reply) for kind in ('"tool_calls":', '"tool_use"', '"function_call"', '"functionCall"'))


@pytest.mark.parametrize("protocol", ["openai_chat", "anthropic_messages"])
async def test_an_image_that_is_none_is_refused(say, protocol):
    """Bytes that are not base64 are a bad request."""
    image = {
        "openai_chat": {"type": "image_url", "image_url": {"url": "data:image/png;base64,%%%"}},
        "anthropic_messages": {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "%%%"}},
    }
    told = await say(protocol, messages=[{"role": "user", "content": [image[protocol]]}])
    assert "not valid base64" in error_of(told)["message"]
