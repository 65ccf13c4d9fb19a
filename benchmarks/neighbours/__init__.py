"""Other gateways in the same bench: installed from the package indexes into `.neighbours/`, pinned, each as its own documentation says.

They are given less to do than omnillm: one provider key, no budget, no ledger, their logs off where they can be.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from benchmarks.cases import Bench, Row
from benchmarks.gateway import Setup, gateway
from benchmarks.processes import PROXY_CORE, free_port, running
from benchmarks.wrk import Server, Shape, load, paired

HOME = Path(".neighbours").absolute()
HERE = Path(__file__).parent


class Start(Protocol):
    def __call__(self, directory: Path, *, port: int, mock: int) -> tuple[list[str], dict[str, str]]:
        """Its command and environment, its configuration written."""


@dataclass(frozen=True, kw_only=True)
class Neighbour:
    packages: tuple[str, ...]
    """Of npm when the first begins with an @, else of pip."""
    start: Start
    headers: dict[str, str]
    path: str = "/v1/chat/completions"
    model: str = "gpt-4.1-mini"


def _litellm(directory: Path, *, port: int, mock: int) -> tuple[list[str], dict[str, str]]:
    config = directory / "litellm.yaml"
    config.write_text(
        "model_list:\n"
        "  - model_name: gpt-4.1-mini\n"
        f"    litellm_params: {{model: openai/gpt-4.1-mini, api_base: 'http://127.0.0.1:{mock}/v1', api_key: sk-upstream}}\n"
        "general_settings: {master_key: sk-1234567890}\n"
        "litellm_settings: {set_verbose: false, telemetry: false}\n"
    )
    program = str(HOME / "litellm/bin/litellm")
    return [program, "--config", str(config), "--host", "127.0.0.1", "--port", str(port), "--num_workers", "1"], {
        "LITELLM_LOG": "ERROR",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "LITELLM_MODE": "PRODUCTION",
    }


def _portkey(directory: Path, *, port: int, mock: int) -> tuple[list[str], dict[str, str]]:  # noqa: ARG001  configured by headers
    program = HOME / "portkey/node_modules/@portkey-ai/gateway/build/start-server.js"
    return ["node", str(program), "--headless", f"--port={port}"], {"NODE_ENV": "production", "TRUSTED_CUSTOM_HOSTS": "127.0.0.1"}


def _tensorzero(directory: Path, *, port: int, mock: int) -> tuple[list[str], dict[str, str]]:
    config = directory / "tensorzero.toml"
    config.write_text(
        "[gateway]\nobservability.enabled = false\n"
        '[models.mini]\nrouting = ["mock"]\n'
        f'[models.mini.providers.mock]\ntype = "openai"\nmodel_name = "gpt-4.1-mini"\napi_base = "http://127.0.0.1:{mock}/v1/"\n'
        'api_key_location = "env::BENCH_UPSTREAM_KEY"\n'
    )
    program = str(HOME / "tensorzero/bin/python")
    return [program, str(HERE / "tensorzero_gateway.py"), str(config), str(port)], {"BENCH_UPSTREAM_KEY": "sk-upstream"}


NEIGHBOURS = {
    "litellm": Neighbour(packages=("litellm[proxy]==1.108.7",), start=_litellm, headers={"Authorization": "Bearer sk-1234567890"}),
    "portkey": Neighbour(
        packages=("@portkey-ai/gateway@1.15.2",),
        start=_portkey,
        headers={"Authorization": "Bearer sk-upstream", "x-portkey-provider": "openai"},
    ),
    "tensorzero": Neighbour(
        packages=("tensorzero==2026.6.0", "openai"),
        start=_tensorzero,
        headers={"Authorization": "Bearer none"},
        path="/openai/v1/chat/completions",
        model="tensorzero::model_name::mini",
    ),
}


def install(name: str) -> None:
    """Once; what is there already stays."""
    place, packages = HOME / name, NEIGHBOURS[name].packages
    if place.exists():
        return
    place.parent.mkdir(exist_ok=True)
    if packages[0].startswith("@"):
        subprocess.run(["npm", "install", "--silent", "--prefix", str(place), *packages], check=True)
        return
    subprocess.run([sys.executable, "-m", "venv", str(place)], check=True)
    subprocess.run([str(place / "bin/pip"), "install", "-q", *packages], check=True)


@contextmanager
def started(name: str, bench: Bench) -> Iterator[Server]:
    neighbour, port = NEIGHBOURS[name], free_port()
    command, env = neighbour.start(bench.directory, port=port, mock=bench.mock)
    headers = dict(neighbour.headers)
    if name == "portkey":
        headers["x-portkey-custom-host"] = f"http://127.0.0.1:{bench.mock}/v1"
    with running(command, core=PROXY_CORE, port=port, env=env, patience_s=120) as process:
        if name == "tensorzero":
            port = int((bench.directory / "tensorzero.port").read_text())
        yield Server(port=port, pid=process.pid, headers=headers, path=neighbour.path, model=neighbour.model)


def neighbours(bench: Bench, names: list[str]) -> list[Row]:
    """omnillm, with everything on, as a multiple of each of them."""
    rows: list[Row] = []
    with gateway(bench.directory, Setup(), mock=bench.mock) as ours:
        load(ours, Shape(), seconds=1)
        for name in names:
            install(name)
            with started(name, bench) as theirs:
                load(theirs, Shape(), seconds=2)
                figures = paired(theirs, ours, Shape(), pairs=bench.pairs, seconds=bench.seconds)
                packages = ", ".join(NEIGHBOURS[name].packages)
                rows.append({"case": f"1 KB, 64 connections, relaxed, to {name}", "packages": packages, **figures})
                print(rows[-1], flush=True)
    return rows
