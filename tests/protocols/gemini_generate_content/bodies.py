"""Native requests of generateContent, one subject a case, and what Google's own types make of a body."""

import binascii
from typing import Any

from google.genai import types


def b64(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).decode()


PNG = b"\x89PNG\r\n\x1a\n"
SIGNATURE = b64(b"a signature")
UNCHECKED = b64(b"skip_thought_signature_validator")
HI = {"role": "user", "parts": [{"text": "Hi"}]}
SCHEMA = {"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]}
OWN_FILE = "https://generativelanguage.googleapis.com/v1beta/files/abc"


def asks(*parts: dict, **members: Any) -> dict:
    return {"contents": [{"role": "user", "parts": list(parts) or [{"text": "Hi"}]}], **members}


def turns(*contents: dict) -> dict:
    return {"contents": [HI, *contents]}


def says(*parts: dict) -> dict:
    return {"role": "model", "parts": list(parts)}


def answers(*parts: dict) -> dict:
    return {"role": "user", "parts": list(parts)}


def call(name: str = "search", args: dict | None = None, **members: Any) -> dict:
    return {"functionCall": {"name": name, "args": {"query": "lake"} if args is None else args, **members}}


def signed(part: dict, signature: str = SIGNATURE) -> dict:
    return {**part, "thoughtSignature": signature}


def result(response: dict, name: str = "search", **members: Any) -> dict:
    return {"functionResponse": {"name": name, "response": response, **members}}


def inline(media_type: str, data: bytes = b"....", **members: Any) -> dict:
    return {"inlineData": {"mimeType": media_type, "data": b64(data), **members}}


def file(uri: str, media_type: str = "", **members: Any) -> dict:
    return {"fileData": {"fileUri": uri, **({"mimeType": media_type} if media_type else {}), **members}}


def config(**members: Any) -> dict:
    return asks(generationConfig=members)


def calling(**members: Any) -> dict:
    return asks(tools=[{"functionDeclarations": [{"name": "search"}]}], toolConfig={"functionCallingConfig": members})


def answered(*responses: dict) -> dict:
    """A call with an id, and its result."""
    return turns(says(signed(call(id="c1"))), answers(*responses))


SAME: dict[str, dict] = {
    "text": asks(),
    "several parts": asks({"text": "One."}, {"text": "Two."}),
    "system text": asks(systemInstruction={"parts": [{"text": "Be brief."}, {"text": "Be kind."}]}),
    "several turns": turns(says({"text": "Hello."}), HI),
    "signed text": turns(says(signed({"text": "Hello."})), HI),
    "signature on an empty text": turns(says({"text": "Hello."}, signed({"text": ""})), HI),
    "thoughts": turns(says({"text": "Hm.", "thought": True}, {"text": "Hello."}), HI),
    "signed thought": turns(says(signed({"text": "Hm.", "thought": True}), {"text": "Hello."}), HI),
    "image": asks(inline("image/png", PNG)),
    "image with resolution": asks({**inline("image/png", PNG), "mediaResolution": {"level": "MEDIA_RESOLUTION_HIGH"}}),
    "signed image": turns(says(signed(inline("image/png", PNG))), HI),
    "named image": asks(inline("image/png", PNG, displayName="a.png")),
    "sound": asks(inline("audio/wav")),
    "raw sound": asks(inline("audio/L16;rate=24000")),
    "video": asks({**inline("video/mp4"), "videoMetadata": {"startOffset": "1s", "endOffset": "2s", "fps": 2}}),
    "PDF": asks(inline("application/pdf", b"%PDF")),
    "named PDF": asks(inline("application/pdf", b"%PDF", displayName="a.pdf")),
    "plain text document": asks(inline("text/plain", "Grüße".encode())),
    "text document that is no UTF-8": asks(inline("text/plain", b"\xff")),
    "other document": asks(inline("text/csv", b"a,b")),
    "image by URL": asks(file("https://example.com/a.png", "image/png")),
    "image by URL without ending": asks(file("https://example.com/a", "image/webp")),
    "image in a bucket": asks(file("gs://bucket/a.jpg", "image/jpeg")),
    "sound by URL": asks(file("https://example.com/a.mp3", "audio/mpeg")),
    "video by URL": asks(file("gs://bucket/a.mp4", "video/mp4")),
    "YouTube": asks({**file("https://www.youtube.com/watch?v=1"), "videoMetadata": {"fps": 1}}),
    "PDF by URL": asks(file("https://example.com/a.pdf", "application/pdf", displayName="a.pdf")),
    "own file": asks(file(OWN_FILE, "application/pdf")),
    "own image file": asks(file(OWN_FILE, "image/png")),
    "own file without a type": asks(file(OWN_FILE)),
    "part metadata": asks({"text": "Hi", "partMetadata": {"from_me": 1}}),
    "how to read it": asks({**inline("application/pdf", b"%PDF"), "mediaProcessing": "STATIC", "documentMetadata": {"startPage": 1}}),
    "sheet": asks({**inline("text/csv", b"a,b"), "spreadsheetMetadata": {"sheetIndex": 1}}),
    "piece of sound": asks({**inline("audio/wav"), "audioMetadata": {"startOffset": "1s"}}),
    "manner of speech": asks({"text": "Hi", "speechMetadata": {"speaker": "A"}}),
    "call and result": answered(result({"result": "149 m"}, id="c1")),
    "call without id": turns(says(signed(call())), answers(result({"result": "149 m"}))),
    "calls of one name without ids": turns(
        says(signed(call()), call(args={"query": "sea"})), answers(result({"result": "149 m"}), result({"result": "9 km"}))
    ),
    "result that is an object": answered(result({"depth": 149, "unit": "m"}, id="c1")),
    "result in a result": answered(result({"result": {"depth": 149}}, id="c1")),
    "result that is a list": answered(result({"result": [149]}, id="c1")),
    "error": answered(result({"error": "no lake"}, id="c1")),
    "error that is an object": answered(result({"error": {"code": 5}}, id="c1")),
    "empty result": answered(result({}, id="c1")),
    "media in a result": answered(
        result({"result": "see"}, id="c1", parts=[inline("image/png", PNG), file("https://example.com/a.pdf", "application/pdf")])
    ),
    "late result": answered(result({"result": "soon"}, id="c1", willContinue=True, scheduling="WHEN_IDLE")),
    "text after a result": answered(result({"result": "149 m"}, id="c1"), {"text": "And now?"}),
    "text before a result": answered({"text": "Here."}, result({"result": "149 m"}, id="c1")),
    "partial call": turns(
        says(signed(call(id="c1", willContinue=True, partialArgs=[{"jsonPath": "$.a", "stringValue": "b"}]))),
        answers(result({"result": "149 m"}, id="c1")),
    ),
    "code": turns(
        says(
            signed({"executableCode": {"language": "PYTHON", "code": "1+1"}}),
            {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "2"}},
        ),
        HI,
    ),
    "server tools": turns(
        says(
            {"toolCall": {"id": "t1", "toolType": "GOOGLE_SEARCH_WEB", "args": {"query_text": "lake"}}},
            {"toolResponse": {"id": "t1", "toolType": "GOOGLE_SEARCH_WEB", "response": {"hits": []}}},
        ),
        HI,
    ),
    "transcription": turns(says({"audioTranscription": {"text": "hello"}}), HI),
    "unknown part": turns(says({"hologram": {"depth": 3}}), HI),
    "unknown member of a content": {"contents": [{**HI, "mood": "curious"}]},
    "function": asks(
        tools=[
            {
                "functionDeclarations": [
                    {"name": "search", "description": "Search.", "parametersJsonSchema": SCHEMA},
                    {"name": "now", "response": {"type": "STRING"}, "behavior": "NON_BLOCKING"},
                    {"name": "later", "responseJsonSchema": {"type": "string"}},
                ]
            }
        ]
    ),
    "provider's tools": asks(
        tools=[
            {"googleSearch": {"excludeDomains": ["example.com"], "timeRangeFilter": {"startTime": "2026-01-01T00:00:00Z"}}},
            {"urlContext": {}},
            {"codeExecution": {}},
            {"fileSearch": {"fileSearchStoreNames": ["fileSearchStores/a"], "topK": 3}},
            {"googleMaps": {"enableWidget": True}},
            {"computerUse": {"environment": "ENVIRONMENT_BROWSER"}},
            {"googleSearchRetrieval": {"dynamicRetrievalConfig": {"mode": "MODE_DYNAMIC"}}},
            {"retrieval": {"disableAttribution": True}},
            {"enterpriseWebSearch": {}},
            {"mcpServers": [{"name": "a", "streamableHttpTransport": {"url": "https://example.com"}}]},
            {"parallelAiSearch": {"customConfigs": {"a_b": 1}}},
            {"exaAiSearch": {"customConfigs": {"a_b": 1}}},
        ]
    ),
    "choice auto": calling(mode="AUTO"),
    "choice none": calling(mode="NONE"),
    "choice any": calling(mode="ANY"),
    "choice by name": calling(mode="ANY", allowedFunctionNames=["search"]),
    "choice among some": calling(mode="ANY", allowedFunctionNames=["search", "now"]),
    "choice validated": calling(mode="VALIDATED"),
    "choice validated among some": calling(mode="VALIDATED", allowedFunctionNames=["search"]),
    "streamed arguments": calling(mode="AUTO", streamFunctionCallArguments=True),
    "place of the search": asks(
        toolConfig={"retrievalConfig": {"latLng": {"latitude": 1, "longitude": 2}}, "includeServerSideToolInvocations": True}
    ),
    "sampling": config(temperature=0.5, topP=0.9, topK=40, seed=7, candidateCount=2, maxOutputTokens=100, stopSequences=["a"] * 6),
    "penalties": config(presencePenalty=0.5, frequencyPenalty=-0.5),
    "log probabilities": config(responseLogprobs=True, logprobs=3),
    "JSON": config(responseMimeType="application/json"),
    "schema": config(responseMimeType="application/json", responseJsonSchema=SCHEMA),
    "enum": config(responseMimeType="text/x.enum", responseSchema={"type": "STRING", "enum": ["a", "b"]}),
    "thinking budget": config(thinkingConfig={"thinkingBudget": 2048, "includeThoughts": True}),
    "thinking of its own length": config(thinkingConfig={"thinkingBudget": -1}),
    "no thinking": config(thinkingConfig={"thinkingBudget": 0}),
    "thinking level": config(thinkingConfig={"thinkingLevel": "LOW", "includeThoughts": False}),
    "unknown thinking": config(thinkingConfig={"thinkingLevel": "ULTRA", "mood": 1}),
    "modalities": config(responseModalities=["TEXT", "IMAGE"], imageConfig={"aspectRatio": "16:9"}),
    "unknown modality": config(responseModalities=["VIDEO"]),
    "speech": config(
        responseModalities=["AUDIO"], speechConfig={"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Kore"}}, "languageCode": "de"}
    ),
    "rest of the configuration": config(
        mediaResolution="MEDIA_RESOLUTION_LOW",
        audioTimestamp=True,
        enableAffectiveDialog=True,
        enableEnhancedCivicAnswers=True,
        routingConfig={"manualMode": {"modelName": "m"}},
        modelSelectionConfig={"featureSelectionPreference": "BALANCED"},
        responseFormat=[{"text": {}}],
        translationConfig={"targetLanguageCode": "de"},
        audioTranscriptionConfig={"diarization": True},
    ),
    "rest of the body": asks(
        safetySettings=[{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}],
        cachedContent="cachedContents/a",
        labels={"team_name": "a"},
        serviceTier="flex",
        store=True,
        modelArmorConfig={"promptTemplateName": "p"},
        automaticContinuation=True,
    ),
}
"""Bodies that are written as they came."""

NEAR: dict[str, tuple[dict, dict]] = {
    "a tool that is null": (
        asks(tools=[{"googleSearch": None, "functionDeclarations": [{"name": "search"}]}]),
        asks(tools=[{"functionDeclarations": [{"name": "search"}]}]),
    ),
    "content alone": ({"contents": HI}, {"contents": [HI]}),
    "no role": ({"contents": [{"parts": {"text": "Hi"}}]}, {"contents": [HI]}),
    "role function": (
        turns(says(signed(call(id="c1"))), {"role": "function", "parts": [result({"result": "1"}, id="c1")]}),
        answered(result({"result": "1"}, id="c1")),
    ),
    "system text as a string": (asks(systemInstruction="Be brief."), asks(systemInstruction={"parts": [{"text": "Be brief."}]})),
    "system text as a part": (asks(systemInstruction={"text": "Be brief."}), asks(systemInstruction={"parts": [{"text": "Be brief."}]})),
    "contents of one role": ({"contents": [HI, HI]}, asks({"text": "Hi"}, {"text": "Hi"})),
    "thought of nobody": (asks({"text": "Hi", "thought": False}), asks()),
    "nulls": (asks({"text": "Hi", "inlineData": None}, tools=None, generationConfig={"seed": None}), asks()),
    "empty part": (asks({}, {"text": "Hi"}), asks()),
    "model in the body": (asks(model="models/gemini"), asks()),
    "URL-safe base64": (
        asks({"inlineData": {"mimeType": "image/png", "data": "_-8"}}),
        asks({"inlineData": {"mimeType": "image/png", "data": "/+8="}}),
    ),
    "data: URL": (asks(file("data:image/png;base64,QUJD")), asks(inline("image/png", b"ABC"))),
    "output": (answered(result({"output": "149 m"}, id="c1")), answered(result({"result": "149 m"}, id="c1"))),
    "no arguments": (
        turns(says(signed({"functionCall": {"name": "now", "id": "c1"}})), HI),
        turns(says(signed(call("now", {}, id="c1"))), HI),
    ),
    "unsigned call": (turns(says(call(id="c1")), HI), turns(says(signed(call(id="c1"), UNCHECKED)), HI)),
    "unchecked call": (
        turns(says(signed(call(id="c1"), "skip_thought_signature_validator")), HI),
        turns(says(signed(call(id="c1"), UNCHECKED)), HI),
    ),
    "one tool of several kinds": (
        asks(tools={"googleSearch": {}, "codeExecution": {}}),
        asks(tools=[{"googleSearch": {}}, {"codeExecution": {}}]),
    ),
    "schema of Google's own": (
        asks(
            tools=[
                {
                    "functionDeclarations": [
                        {
                            "name": "search",
                            "parameters": {
                                "type": "OBJECT",
                                "properties": {
                                    "type": {"type": "STRING", "nullable": True, "maxLength": "9"},
                                    "min_items": {"type": "ARRAY", "items": {"type": "INTEGER"}, "minItems": "1"},
                                    "other": {"any_of": [{"type": "NUMBER"}, {"type": "BOOLEAN"}], "nullable": True},
                                },
                                "propertyOrdering": ["type"],
                            },
                        }
                    ]
                }
            ]
        ),
        asks(
            tools=[
                {
                    "functionDeclarations": [
                        {
                            "name": "search",
                            "parametersJsonSchema": {
                                "type": "object",
                                "properties": {
                                    "type": {"type": ["string", "null"], "maxLength": 9},
                                    "min_items": {"type": "array", "items": {"type": "integer"}, "minItems": 1},
                                    "other": {"anyOf": [{"type": "number"}, {"type": "boolean"}, {"type": "null"}]},
                                },
                                "propertyOrdering": ["type"],
                            },
                        }
                    ]
                }
            ]
        ),
    ),
    "answer's schema of Google's own": (
        config(responseMimeType="application/json", responseSchema={"type": "ARRAY", "items": {"type": "STRING"}}),
        config(responseMimeType="application/json", responseJsonSchema={"type": "array", "items": {"type": "string"}}),
    ),
    "schema under its other name": (
        config(responseMimeType="application/json", _responseJsonSchema=SCHEMA),
        config(responseMimeType="application/json", responseJsonSchema=SCHEMA),
    ),
    "plain text asked for": (config(responseMimeType="text/plain", topK=40.0), config(topK=40)),
    "choice in small letters": (calling(mode="any"), calling(mode="ANY")),
    "snake_case": (
        {
            "contents": [
                {"role": "user", "parts": [{"inline_data": {"mime_type": "image/png", "data": b64(PNG)}}]},
                {"role": "model", "parts": [{"function_call": {"name": "f", "args": {"a_b": 1}}, "thought_signature": SIGNATURE}]},
                {"role": "user", "parts": [{"function_response": {"name": "f", "response": {"c_d": 2, "e_f": 3}, "will_continue": True}}]},
            ],
            "system_instruction": {"parts": [{"text": "Be brief."}]},
            "tools": [{"function_declarations": [{"name": "f", "parameters_json_schema": {"properties": {"a_b": {}}}}]}],
            "tool_config": {"function_calling_config": {"mode": "ANY", "allowed_function_names": ["f"]}},
            "generation_config": {
                "max_output_tokens": 9,
                "response_mime_type": "application/json",
                "response_json_schema": {"properties": {"a_b": {}}},
                "thinking_config": {"thinking_budget": 5, "include_thoughts": True},
            },
            "labels": {"my_team": "a"},
            "service_tier": "flex",
            "cached_content": "cachedContents/a",
        },
        {
            "contents": [
                {"role": "user", "parts": [inline("image/png", PNG)]},
                {"role": "model", "parts": [signed(call("f", {"a_b": 1}))]},
                {"role": "user", "parts": [result({"c_d": 2, "e_f": 3}, "f", willContinue=True)]},
            ],
            "systemInstruction": {"parts": [{"text": "Be brief."}]},
            "tools": [{"functionDeclarations": [{"name": "f", "parametersJsonSchema": {"properties": {"a_b": {}}}}]}],
            "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}},
            "generationConfig": {
                "maxOutputTokens": 9,
                "responseMimeType": "application/json",
                "responseJsonSchema": {"properties": {"a_b": {}}},
                "thinkingConfig": {"thinkingBudget": 5, "includeThoughts": True},
            },
            "labels": {"my_team": "a"},
            "serviceTier": "flex",
            "cachedContent": "cachedContents/a",
        },
    ),
}
"""Bodies that are written in other words for the same."""

MEMBERS: dict[str, type] = {
    "part": types.Part,
    "functionCall": types.FunctionCall,
    "functionResponse": types.FunctionResponse,
    "inlineData": types.Blob,
    "fileData": types.FileData,
    "tool": types.Tool,
    "functionDeclaration": types.FunctionDeclaration,
    "toolConfig": types.ToolConfig,
    "functionCallingConfig": types.FunctionCallingConfig,
    "generationConfig": types.GenerationConfig,
    "thinkingConfig": types.ThinkingConfig,
}
"""Google's own types of what a body holds, by a word of ours."""


def members_of(body: Any, word: str = "") -> set[tuple[str, str]]:
    """What a body says: members by the word of their owner."""
    if isinstance(body, list):
        return {member for each in body for member in members_of(each, word)}
    if not isinstance(body, dict):
        return set()
    inner = {"parts": "part", "tools": "tool", "functionDeclarations": "functionDeclaration"}
    found = {(word, name) for name in body}
    for name, value in body.items():
        found |= members_of(value, inner.get(name, name))
    return found


def sdk_accepts(body: dict) -> None:
    """Validate what the SDK has types of. Raises pydantic's ValidationError."""
    for content in body["contents"]:
        types.Content.model_validate(content)
    types.Content.model_validate(body.get("systemInstruction", {}))
    for tool in body.get("tools", ()):
        types.Tool.model_validate(tool)
    types.ToolConfig.model_validate(body.get("toolConfig", {}))
    types.GenerationConfig.model_validate(body.get("generationConfig", {}))
