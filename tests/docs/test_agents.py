"""`docs/agents.md`: what it tells programs to be configured with leads where it says."""

import json
import re
import shlex
import subprocess
import tomllib
from urllib.parse import urlsplit

from tests.docs.pages import ROOT, blocks, names, rows

from omnillm.server.paths import inference_route
from omnillm.testing import FAULTS
from omnillm.testing.replies.reading import markers_in
from omnillm.testing.replies.speaker import Wanted

PAGE = ROOT / "docs/agents.md"
TEXT = PAGE.read_text()
PROGRAMS = {cells[0]: cells for cells in rows(TEXT, "program") if len(cells) == 4}


def test_every_base_url_reaches_the_protocol_of_its_program() -> None:
    """With what the program appends: a version too many or too few is the mistake that everybody makes once."""
    assert len(PROGRAMS) > 10
    for program, (_, base, asked, protocol) in PROGRAMS.items():
        for path in names(asked):
            route = inference_route(urlsplit(names(base)[0]).path + path)
            assert route is not None, (program, path)
            assert protocol == "as asked" or route.protocol.name == names(protocol)[0], program


def test_every_address_is_one_of_the_table() -> None:
    """In the snippets of the frameworks, too, each by the SDK that it stands on."""
    bases = {names(cells[1])[0] for cells in PROGRAMS.values()}
    assert (
        set(re.findall(r"http://127\.0\.0\.1:4000[\w/]*", TEXT))
        == bases
        == {f"http://127.0.0.1:4000{path}" for path in ("", "/v1", "/v1beta")}
    )
    for package, snippet in [cells for cells in rows(TEXT, "package") if "openai" in cells[0]]:
        assert "http://127.0.0.1:4000/v1" in snippet, package


def test_files_of_programs_are_what_these_read() -> None:
    """TOML and JSON, with the address of the table."""
    [codex] = map(tomllib.loads, blocks(PAGE, "toml"))
    provider = codex["model_providers"][codex["model_provider"]]
    assert (provider["base_url"], provider["wire_api"]) == (names(PROGRAMS["Codex"][1])[0], "responses")
    opencode, pi = map(json.loads, blocks(PAGE, "json"))
    [written] = opencode["provider"].values()
    [row] = [cells for program, cells in PROGRAMS.items() if written["npm"] in program]
    assert written["options"]["baseURL"] == names(row[1])[0]
    [row] = [cells for program, cells in PROGRAMS.items() if "pi" in program.split(", ")]
    assert [each["baseUrl"] for each in pi["providers"].values()] == [names(row[1])[0]]


def test_markers_make_the_fake_provider_do_what_is_said() -> None:
    """Each that is shown is one, and the output of the shown command makes the model go on."""
    shown = [name for cells in rows(TEXT, "in the prompt") for name in names(cells[0])]
    for marker in shown:
        fault = re.fullmatch(r"\[\[fault:(\w+)\]\]", marker)
        assert fault[1] in FAULTS if fault else any(markers_in(marker)), marker
    [command] = [line for block in blocks(PAGE, "sh") for line in block.splitlines() if "[[call:" in line]
    [bash] = markers_in(shlex.split(command)[2]).calls
    assert bash.name == "Bash"
    told = subprocess.run(["/bin/sh", "-c", bash.arguments["command"]], capture_output=True, text=True, check=True).stdout
    assert markers_in(told).calls == (Wanted("Read", {"file_path": "/etc/hostname"}),)
