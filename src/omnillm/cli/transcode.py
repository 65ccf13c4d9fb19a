"""`omnillm transcode`."""

import enum
import sys
from pathlib import Path

import msgspec
import typer

from omnillm.errors import ConfigError


class Kind(enum.StrEnum):
    request = "request"
    response = "response"
    stream = "stream"
    error = "error"


def transcode(
    file: Path = typer.Argument(Path("-"), help="File to translate; - reads standard input."),
    source: str = typer.Option(..., "--from", help="Protocol of the file, such as openai_chat."),
    target: str = typer.Option(..., "--to", help="Protocol to write; canonical shows the model in between."),
    kind: Kind = typer.Option(Kind.request, "--kind", help="What the file is."),
    model: str = typer.Option("", "--model", help="Model, if the body does not name it (Gemini)."),
    status: int = typer.Option(400, "--status", help="HTTP status of an error reply."),
) -> None:
    """Translate a body between protocols. What was lost goes to standard error."""
    from omnillm.protocols.loss import LossReason
    from omnillm.protocols.protocol_names import parse_protocol

    names = [name if name == "canonical" else parse_protocol(name)[0] for name in (source, target)]
    try:
        body = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", source=str(file)) from error
    value, losses = _translated(kind, names[0], names[1], body, model=model, status=status)
    sys.stdout.buffer.write(value if kind is Kind.stream else msgspec.json.format(value) + b"\n")
    sys.stdout.buffer.flush()
    for loss in losses:
        assert isinstance(loss, LossReason)
        typer.echo(f"{loss.kind} {loss.path}: {loss.detail}", err=True)


def _translated(kind: Kind, source: str, target: str, body: bytes, *, model: str, status: int) -> tuple[bytes, tuple[object, ...]]:
    from omnillm.protocols.codec import ReplyContext
    from omnillm.protocols.stream_transcoder import StreamTranscoder
    from omnillm.protocols.transcode import transcode_request, transcode_response
    from omnillm.protocols.transcode_error import transcode_error

    context = ReplyContext(id="transcoded", created=0, model=model)
    if kind is Kind.request:
        request = transcode_request(source, target, body, model=model)
        return request.value, request.loss_reasons
    if kind is Kind.response:
        reply = transcode_response(source, target, body, context=context)
        return reply.value, reply.loss_reasons
    if kind is Kind.error:
        error = transcode_error(source, target, status=status, body=body)
        return error.value.body, error.loss_reasons
    transcoder = StreamTranscoder(source, target, context=context)
    return transcoder.feed(body) + transcoder.feed(b""), transcoder.losses.reasons
