"""What passes of HTTP itself in a native call: parts and states of a resource, where it lies, how long it is, and how its path is spelt."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from tests.in_turn import in_turn
from tests.journeys.hosts import hosting
from tests.journeys.running import Running, Serve
from tests.journeys.wire import Line, Question, Reply

from omnillm.gateway.native.lists import MOST_PAGES

KEY = "sk-omni-ada-0123456789"
CONFIG = f"""
server: {{port: 0, auth: required, native: {{gemini: gemini}}}}
store: {{url: "memory://"}}
providers:
  openai: {{kind: openai, base_url: BASE, passthrough: ["/videos*"], keys: [{{label: a, key: sk-a}}, {{label: b, key: sk-b}}]}}
  gemini: {{kind: gemini, base_url: BASE, passthrough: ["/models/*:predictLongRunning", "/models/*/operations/*"], keys: [{{label: a, key: sk-a}}, {{label: b, key: sk-b}}]}}
  keyed: {{kind: openai_compatible, base_url: BASE, auth: {{query: key}}, passthrough: ["/videos*"], keys: [{{label: a, key: sk-a}}]}}
virtual_keys: [{{name: ada, key: {KEY}}}, {{name: bob, key: sk-omni-bob-0123456789}}]
"""
VIDEO = "/providers/openai/v1/videos/v_1/content"


class Host:
    """Answers each request with the next of `replies`, the last one for ever; `heard` is what came, as it came."""

    def __init__(self) -> None:
        self.replies: list[bytes] = []
        self.heard: list[bytes] = []

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.read(65536):
            self.heard.append(head)
            reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
            writer.write(reply)
            if b"content-length" not in reply and b"chunked" not in reply:
                break
        writer.close()

    @property
    def lines(self) -> list[str]:
        """The request lines."""
        return [head.partition(b" HTTP/1.1\r\n")[0].decode() for head in self.heard]


Asking = Callable[..., Awaitable[Reply]]


@pytest.fixture
def host() -> Host:
    return Host()


@pytest.fixture
async def ask(host: Host, serve: Serve) -> AsyncIterator[Asking]:
    async with hosting(host.answer) as url:
        gateway = await serve(CONFIG.replace("BASE", url))

        async def asking(method: str, path: str, *replies: bytes, **fields: str) -> Reply:
            host.replies = list(replies)
            return await _asked(gateway, method, path, fields)

        yield asking


async def _asked(gateway: Running, method: str, path: str, fields: dict[str, str]) -> Reply:
    told = {"host": "gateway", "authorization": f"Bearer {KEY}"} | {name.replace("_", "-"): value for name, value in fields.items()}
    if method == "POST":
        told["content-length"] = "0"
    head = f"{method} {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in told.items()) + "\r\n"
    line = await Line.open(gateway.port, Question("openai_chat", head.encode()))
    try:
        is_bodiless = await line.head() == 304 or method == "HEAD"
        return Reply("openai_chat", line.status, line.headers, b"", is_whole=True) if is_bodiless else await line.rest()
    finally:
        line.reset()


def reply(status: str, body: bytes = b"", *, size: int = -1, **fields: str) -> bytes:
    told = {"content-length": str(len(body) if size < 0 else size)} | {name.replace("_", "-"): value for name, value in fields.items()}
    return f"HTTP/1.1 {status}\r\n".encode() + b"".join(f"{name}: {value}\r\n".encode() for name, value in told.items()) + b"\r\n" + body


async def test_a_part_of_a_file_says_which_part_it_is(ask: Asking, host: Host) -> None:
    """Whoever goes on with a broken download asks for the rest of the same file, and is told its size, its place and its tag."""
    part = reply("206 Partial", b"2345", content_range="bytes 2-5/10", etag='"v1"', accept_ranges="bytes", last_modified="Sun")
    told = await ask("GET", VIDEO, part, range="bytes=2-5", if_range='"v1"')
    assert (told.status, told.body) == (206, b"2345")
    wanted = {"content-range": "bytes 2-5/10", "etag": '"v1"', "accept-ranges": "bytes", "last-modified": "Sun", "content-length": "4"}
    assert wanted.items() <= told.headers.items()
    assert b'\r\nrange: bytes=2-5\r\nif-range: "v1"\r\n' in host.heard[0]


async def test_the_size_of_a_reply_is_told_before_it_comes(ask: Asking) -> None:
    """As its provider told it, also to who asks for nothing else; in chunks goes only what has none."""
    assert (await ask("HEAD", VIDEO, reply("200 OK", size=12345, content_type="video/mp4"))).headers["content-length"] == "12345"
    whole = await ask("GET", VIDEO, reply("200 OK", b"deep", content_type="video/mp4"))
    assert (whole.body, whole.headers["content-length"]) == (b"deep", "4")
    chunked = await ask("GET", VIDEO, b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\ndeep\r\n0\r\n\r\n")
    assert (chunked.body, chunked.headers["transfer-encoding"]) == (b"deep", "chunked")


async def test_what_has_not_changed_is_told_by_its_tag(ask: Asking, host: Host) -> None:
    """And has no body."""
    told = await ask("GET", VIDEO, reply("304 Not Modified", size=50, etag='"v1"', content_type="video/mp4"), if_none_match='"v1"')
    assert (told.status, told.headers["etag"], told.body) == (304, '"v1"', b"")
    assert b'if-none-match: "v1"' in host.heard[0]


async def test_a_list_is_made_of_whole_pages_only(ask: Asking, host: Host) -> None:
    """It is put together here: that a key's own page is the same as before, or a part of it, says nothing of the caller's."""
    page = reply("200 OK", b'{"data":[],"has_more":false}', content_type="application/json")
    assert (await ask("GET", "/providers/openai/v1/files", page, if_none_match='"v1"', range="bytes=0-1")).json["data"] == []
    assert not any(b"if-none-match" in head or b"\r\nrange" in head for head in host.heard)


@in_turn("status", ["409 Conflict", "410 Gone", "412 Precondition Failed", "416 Range Not Satisfiable"])
async def test_a_refusal_for_what_a_thing_is_at_goes_through(ask: Asking, host: Host, status: str) -> None:
    """A batch that is over cannot be cancelled: that is no fault of its provider, and no other key would say anything else."""
    body = b'{"error":{"message":"It is over.","type":"invalid_request_error","param":null,"code":null}}'
    heard = len(host.heard)
    told = await ask("POST", VIDEO, reply(status, body, content_type="application/json"))
    assert (told.status, told.body) == (int(status[:3]), body)
    assert len(host.heard) == heard + 1


async def test_what_a_provider_keeps_at_another_path_is_fetched_there(ask: Asking, host: Host) -> None:
    """With the same key, which no client has; the query's own credentials do not go along, and not for ever."""
    here = "/providers/gemini/download/v1beta/files/{}:download?alt=media"
    assert (await ask("GET", here.format("unknown"), reply("200 OK"))).status == 404
    moved = reply("302 Found", location="/v1/videos/v_2/content?a=1&key=x")
    assert (await ask("GET", VIDEO, moved, reply("200 OK", b"deep"))).body == b"deep"
    assert host.lines == ["GET /v1/videos/v_1/content", "GET /v1/videos/v_2/content?a=1"]
    assert len({re.search(rb"authorization: Bearer (sk-[ab])\r\n", head)[1] for head in host.heard}) == 1
    assert (await ask("GET", VIDEO, moved)).status == 302
    assert len(host.heard) == 2 + 6


@pytest.mark.parametrize("provider", ["openai", "keyed"])
async def test_what_lies_elsewhere_is_the_clients_to_fetch(ask: Asking, host: Host, provider: str) -> None:
    """Its address goes on, and no key goes there; an address that may hold a key is told to nobody."""
    path = VIDEO.replace("openai", provider)
    told = await ask("GET", path, reply("302 Found", location="https://store.example/v_1?signature=abc"))
    assert (told.status, len(host.heard)) == (302, 1)
    assert told.headers.get("location") == ("https://store.example/v_1?signature=abc" if provider == "openai" else None)
    own = re.search(rb"host: (\S+)", host.heard[0])[1].decode()
    for number, place in enumerate(("/v1/videos/v_2/content", f"http://{own}/v1/videos/v_2/content"), 2):
        posted = await ask("POST", path, reply("307 Elsewhere", location=place))
        assert (posted.status, "location" in posted.headers, len(host.heard)) == (307, False, number)


async def test_a_path_goes_on_as_it_was_spelt(ask: Asking, host: Host) -> None:
    """And its query: which signs are encoded, in which case, and how often a parameter stands."""
    target = "/videos/ft%3Agpt%2b4:x%20y%C3%A9?include[]=a&include%5B%5D=b&c=&d&e=+%2B"
    assert (await ask("GET", f"/providers/openai/v1{target}", reply("200 OK"))).status == 200
    assert host.lines == [f"GET /v1{target}"]


async def test_a_reply_without_a_length_is_no_file(ask: Asking) -> None:
    """Nobody could tell a cut one from a whole one; JSON says itself where it ends."""
    cut = await ask("GET", VIDEO, b"HTTP/1.1 200 OK\r\ncontent-type: video/mp4\r\n\r\nde")
    assert (cut.status, cut.error["code"]) == (502, "garbled_reply")
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n"
    assert (await ask("GET", VIDEO, head + b'{"id":"v_1"}')).json == {"id": "v_1"}
    assert (await ask("GET", VIDEO, head + b'{"id":')).status == 502


@pytest.mark.parametrize("root", ["", "/gemini", "/providers/gemini"])
async def test_what_goes_on_for_long_is_asked_for_where_it_was_begun(ask: Asking, host: Host, root: str) -> None:
    """An operation of Gemini's stands below its model, and one key knows it."""
    model = f"{root}/v1beta/models/veo-3"
    begun = reply("200 OK", b'{"name": "models/veo-3/operations/op1x"}', content_type="application/json")
    limited = reply("429 Slow", b"{}", content_type="application/json")
    assert (await ask("POST", f"{model}:predictLongRunning", limited, begun)).status == 200
    for _ in range(4):
        assert (await ask("GET", f"{model}/operations/op1x", begun)).status == 200
    keys = [re.search(rb"x-goog-api-key: (\S+)", head)[1] for head in host.heard]
    assert len(set(keys[1:])) == 1 < len(set(keys))


async def test_no_part_of_a_list_shows_what_is_anothers(ask: Asking, host: Host) -> None:
    """Nor a list that is the whole of a reply."""
    made = reply("200 OK", b'{"id": "video_1"}', content_type="application/json")
    assert (await ask("POST", "/providers/openai/v1/videos", made)).status == 200
    part = reply("206 Partial", b'"id": "video_1"}]', content_type="application/json", content_range="bytes 1-9/10")
    assert (await ask("GET", "/providers/openai/v1/videos", part, range="bytes=1-")).status == 400
    bare = reply("200 OK", b'[{"id": "video_1"}, {"id": "video_2"}]', content_type="application/json")
    assert (await ask("GET", "/providers/openai/v1/videos", bare)).json == [{"id": "video_1"}, {"id": "video_2"}]
    assert (await ask("GET", "/providers/openai/v1/videos", bare, authorization="Bearer sk-omni-bob-0123456789")).json == [
        {"id": "video_2"}
    ]


async def test_how_often_to_ask_again_is_told(ask: Asking) -> None:
    """OpenAI's SDK reads it while it waits for a file or a video."""
    body = b'{"results_url": "https://store.example/v_1"}'  # which is a batch's where it is rewritten
    told = await ask(
        "GET", "/providers/openai/v1/videos/v_1", reply("200 OK", body, openai_poll_after_ms="250", content_type="application/json")
    )
    assert (told.headers["openai-poll-after-ms"], told.body) == ("250", body)
    assert re.fullmatch(r"[0-9a-f]{32}", told.headers["x-omnillm-request-id"])


def json_of(body: bytes) -> bytes:
    return reply("200 OK", body, content_type="application/json")


FILES, GEMINIS = "/providers/openai/v1/files", "/providers/gemini/v1beta/files"


@in_turn(
    ("path", "page"),
    [
        (FILES, b"[]"),
        (FILES, b'{"data": {}}'),
        (FILES, b'{"data": ["file-1"]}'),
        (FILES, b'{"data": '),
        (FILES, b"\xff"),
        (GEMINIS, b'{"files": [{}], "nextPageToken": 5}'),
        (GEMINIS, b'{"files": [5]}'),
    ],
)
async def test_a_list_that_is_none_is_the_providers_fault(ask: Asking, path: str, page: bytes) -> None:
    """It is read here, so whatever else its provider sends is a garbled reply, as anywhere; never an error of ours."""
    told = await ask("GET", path, json_of(page))
    assert told.status == 502
    assert b'"garbled_reply"' in told.body


async def test_a_list_of_others_comes_to_an_end(ask: Asking, host: Host) -> None:
    """Of a provider that goes on for ever only so many pages are asked for."""
    told = await ask("GET", FILES, json_of(b'{"data": [{"id": "file-another"}], "has_more": true}'))
    assert (told.status, told.error["code"]) == (502, "upstream_too_large")
    assert len(host.heard) == MOST_PAGES + 2


async def test_a_list_that_is_told_by_tokens_goes_on_by_them(ask: Asking, host: Host) -> None:
    """Each at the key that gave it, and at the next key from the beginning."""
    assert (await ask("GET", GEMINIS, json_of(b'{"nextPageToken": "a/1"}'), json_of(b'{"files": []}'))).json == {"files": []}
    assert host.lines == [f"GET /v1beta/files?pageSize=100{told}" for told in ("", "&pageToken=a%2F1", "")]


@in_turn("url", ["https://elsewhere.example/v1beta/files/x", "https://[/upload/x", "/upload/\xe9"])
async def test_an_upload_goes_on_at_a_path_for_uploads_only(ask: Asking, url: str) -> None:
    """What a provider names beside it is a garbled reply: nobody is told an address that leads nowhere."""
    begun = reply("200 OK", x_goog_upload_url=url)
    told = await ask("POST", "/providers/gemini/upload/v1beta/files", begun, x_goog_upload_command="start")
    assert (told.status, told.error["code"]) == (502, "garbled_reply")
    assert "x-goog-upload-url" not in told.headers
