"""The JSON of protocol buffers knows every member by two names, camelCase and snake_case. Only camelCase is read and written.

No other spelling is one of them: what the gateway counts before a call and what is read here must be the same members.
"""

import re
from typing import Any

from omnillm.protocols.shapes import Unfit

_NAMES = """
additionalProperties allowedFunctionNames anyOf audioMetadata audioTimestamp audioTranscription audioTranscriptionConfig
automaticContinuation blockingConfidence cachedContent candidateCount codeExecution codeExecutionResult computerUse contentLayers
continuationToken displayName documentMetadata enableAffectiveDialog enableEnhancedCivicAnswers endOffset enterpriseWebSearch exaAiSearch
excludeDomains executableCode fileData fileSearch fileUri frequencyPenalty functionCall functionCallingConfig functionDeclarations
functionResponse generationConfig googleMaps googleSearch googleSearchRetrieval imageConfig includeServerSideToolInvocations
includeThoughts inlineData maxItems maxLength maxOutputTokens maxProperties mcpServers mediaProcessing mediaResolution mimeType
minItems minLength minProperties modelArmorConfig modelSelectionConfig parallelAiSearch parametersJsonSchema partMetadata
partialArgs presencePenalty propertyOrdering _responseJsonSchema responseFormat responseJsonSchema responseLogprobs
responseMimeType responseModalities responseSchema retrievalConfig routingConfig safetySettings searchTypes serviceTier
speechConfig speechMetadata spreadsheetMetadata startOffset stopSequences streamFunctionCallArguments systemInstruction
thinkingBudget thinkingConfig thinkingLevel thoughtSignature timeRangeFilter toolCall toolConfig toolResponse topK topP
translationConfig urlContext videoMetadata willContinue
"""
"""Of the messages that are read here member by member. An unknown member is passed on as it is spelt."""


def snake(name: str) -> str:
    return re.sub(r"[A-Z]", lambda letter: f"_{letter[0].lower()}", name)


_CAMEL = {snake(name): name for name in _NAMES.split()}
_is_camel = _CAMEL.keys().isdisjoint


def camel(owner: dict[str, Any], path: str = "") -> dict[str, Any]:
    """Return a message with all its members in camelCase. What they hold is not looked at. Unfit: one has both spellings."""
    return owner if _is_camel(owner) else _respelled(owner, path)


def _respelled(owner: dict[str, Any], path: str) -> dict[str, Any]:
    respelled: dict[str, Any] = {}
    for name, value in owner.items():
        other = _CAMEL.get(name, name)
        if other in respelled:
            raise Unfit(f"{path}.{other}" if path else other, "said in one spelling")
        respelled[other] = value
    return respelled
