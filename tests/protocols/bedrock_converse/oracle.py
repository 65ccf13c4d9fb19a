"""botocore's own model of the service: what it validates the service accepts, and what it parses the service sends."""

from functools import cache
from typing import Any

import botocore.session
from botocore.model import OperationModel
from botocore.parsers import EventStreamJSONParser, RestJSONParser
from botocore.validate import ParamValidator

CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"


@cache
def operation(name: str) -> OperationModel:
    return botocore.session.get_session().get_service_model("bedrock-runtime").operation_model(name)


def problems(body: dict[str, Any], *, is_stream: bool = False) -> str:
    """What the SDK would refuse of a body; "" when nothing."""
    shape = operation("ConverseStream" if is_stream else "Converse").input_shape
    unknown = sorted(set(body) - set(shape.members))
    return "".join(map(str, unknown)) + ParamValidator().validate({"modelId": CLAUDE, **body}, shape).generate_report()


def reply(body: bytes) -> dict[str, Any]:
    """As the SDK reads it."""
    response = {"body": body, "headers": {}, "status_code": 200}
    return RestJSONParser().parse(response, operation("Converse").output_shape)


def event(message: Any) -> dict[str, Any]:
    """A message of botocore's event stream, as the SDK reads it."""
    shape = operation("ConverseStream").output_shape.members["stream"]
    parsed: dict[str, Any] = EventStreamJSONParser().parse(message.to_response_dict(), shape)
    return parsed
