"""What a reply to a native call says was made."""

import pytest

from omnillm.providers.kinds import KINDS
from omnillm.providers.native import ask, made

CLAIMED = {"id": "file-1", "file": {"id": "file-2", "name": "files/2"}}


@pytest.mark.parametrize(
    ("kind", "method", "path", "found"),
    [
        ("openai", "POST", "/files", [("file", "file-1"), ("file", "file-2")]),
        ("openai", "POST", "/uploads/u/complete", [("file", "file-2")]),
        ("openai", "GET", "/files/file-1", []),
        ("openai", "GET", "/files/file-1/content", []),
        ("gemini", "POST", "/upload/v1beta/files", [("file", "files/2")]),
        ("gemini", "GET", "/files/1:download", []),
    ],
)
def test_what_is_read_back_makes_nothing(kind, method, path, found):
    """A file's content is its writer's: it must not make him the owner of the ids that stand in it."""
    endpoint = KINDS[kind]
    asked = ask(endpoint, method, path, ())
    member = "name" if kind == "gemini" else "id"
    assert list(made(asked.operation, CLAIMED, member)) == found
