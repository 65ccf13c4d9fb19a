"""What a reply to a native call says was made."""

import time

from tests.in_turn import in_turn

from omnillm.providers.kinds import KINDS
from omnillm.providers.native import ask, batch_path
from omnillm.providers.native_replies import made

CLAIMED = {"id": "file-1", "file": {"id": "file-2", "name": "files/2"}}


@in_turn(
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
    """A file's content is its writer's: it must not make its writer the owner of the ids that stand in it."""
    endpoint = KINDS[kind]
    asked = ask(endpoint, method, path, ())
    member = "name" if kind == "gemini" else "id"
    assert list(made(asked.operation, CLAIMED, member)) == found


@in_turn(
    ("pattern", "passed", "refused"),
    [
        ("/stores", ["/stores"], ["/stores/", "/store", "/x/stores"]),
        ("/stores*", ["/stores", "/stores/a/b"], ["/store", "/x/stores"]),
        ("/stores/*/files", ["/stores/a/files", "/stores/a/files/b/files"], ["/stores/files", "/stores/a/files/b"]),
        ("/a*b*bc", ["/abbc", "/axbxbc", "/abxbbc"], ["/abc", "/abbcx"]),
        ("*", ["/", "/a"], []),
    ],
)
def test_patterns_of_further_paths(pattern, passed, refused):
    """A star is any run of characters, everything else itself."""
    for path in (*passed, *refused):
        assert (ask(KINDS["openai"], "PUT", path, (pattern,)) is not None) == (path in passed)


def test_a_pattern_of_many_stars_takes_no_longer_for_a_long_path():
    """A client chooses the path: 4 KB took twelve seconds."""
    began = time.process_time()
    assert ask(KINDS["openai"], "PUT", "/a" + "/b" * 8_000 + "/x", ("/a*/b*/b*/b*/c",)) is None
    assert time.process_time() - began < 1


def test_a_batch_tells_of_itself_below_the_providers_root() -> None:
    """Where it is asked for, never where it is deleted or cancelled; a kind without batches has no such place."""
    paths = {
        kind: batch_path(kind, "batches/b-1") for kind in ("openai", "azure_openai", "anthropic", "gemini", "vertex_ai", "bedrock", "groq")
    }
    assert paths == {
        **dict.fromkeys(("openai", "azure_openai", "gemini"), "/batches/b-1"),
        "anthropic": "/messages/batches/b-1",
        **dict.fromkeys(("vertex_ai", "bedrock", "groq"), ""),
    }
