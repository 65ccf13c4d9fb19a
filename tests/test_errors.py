"""What every error of the tree has in common."""

import copy
import pickle
from collections.abc import Iterator

import pytest

from omnillm.assemble import Service
from omnillm.errors import Defect, MethodNotAllowed, OmniError, ProtocolError, ProviderError, RateLimited, UpstreamTimeout

MADE = {
    MethodNotAllowed: lambda: MethodNotAllowed("/v1/models", "POST", ("GET",)),
    UpstreamTimeout: lambda: UpstreamTimeout("It did not come.", phase="idle"),
    ProviderError: lambda: ProviderError(
        "No.", status=404, provider="p", protocol="openai_chat", code="gone", raw_body=b'{"error": {"param": "x"}}'
    ),
    ProtocolError: lambda: ProtocolError("It cannot be said.", reason="endpoint_mismatch"),
    Defect: lambda: Defect("0123", 2),
}
"""Those whose classes want more than words."""


def classes(cls: type[OmniError]) -> Iterator[type[OmniError]]:
    yield cls
    for below in cls.__subclasses__():
        yield from classes(below)


@pytest.mark.parametrize("carried", [lambda error: pickle.loads(pickle.dumps(error)), copy.copy, copy.deepcopy])
def test_every_error_comes_whole_to_another_process(carried) -> None:
    """With its class and all that it tells: a task queue made an `OmniError` 500 of a provider's 404, and a pool of processes hung."""
    assert Service  # has every class of ours loaded
    for cls in classes(OmniError):
        error = MADE.get(cls, lambda cls=cls: cls("It went wrong."))()
        error.note_call("0123456789abcdef", 2)
        error.details = {"scope": "everything", "needed_usd": "1.5", "resets_at": None}
        error.retry_after_s = 1.5
        error.add_note("of the application's own")
        again = carried(error)
        assert (type(again), again.args, str(again), vars(again)) == (cls, error.args, str(error), vars(error))
    assert carried(MADE[ProviderError]()).extensions == {"param": "x"}
    told = {"status": 500, "provider": "p", "protocol": "openai_chat", "code": "c"}
    assert ProviderError("no", raw_body=b"<html>", **told).extensions == ProviderError("no", raw_body=b"\xff", **told).extensions == {}


def test_what_a_class_defaults_to_is_carried_too() -> None:
    """A status or a code of its own as well as the class's."""
    plain, own = RateLimited("Wait."), RateLimited("Wait.", code="requests_limit", status=420)
    for error in (plain, own):
        again = pickle.loads(pickle.dumps(error))
        assert (again.status, again.code) == (error.status, error.code)
