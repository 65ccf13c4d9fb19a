"""`deploy/`: images, manifests, the unit and the site lead to a gateway as it is, by the tools that read them where these are installed."""

import asyncio
import importlib.util
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import pytest
import trustme
import yaml
from packaging.requirements import Requirement
from tests.deploy.deployed import DEPLOY, ENV, TEXT, deployed, settings
from tests.docs.pages import ROOT
from tests.ports import free_port
from tests.test_wheel import build

from omnillm.server.request_fields import SESSION_FIELDS

DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
GATEWAY = COMPOSE["services"]["gateway"]
KUSTOMIZATION = (DEPLOY / "kustomization.yaml").read_text()
ALONE, STANDBY = "alone", "standby"


def needs(tool: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(tool) is None, reason=f"{tool} is not installed")


def instructions(name: str) -> list[str]:
    """What follows that word in the Dockerfile, each with its continuation lines."""
    return re.findall(rf"^{name} (.*)$", DOCKERFILE.replace("\\\n", ""), re.MULTILINE)


def read_tool(*command: object) -> str:
    ran = subprocess.run([str(word) for word in command], check=False, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def documents() -> Iterator[dict]:
    """All Kubernetes objects, as they stand in the files."""
    for path in sorted((DEPLOY / "kubernetes").glob("*.yaml")):
        yield from yaml.safe_load_all(path.read_text())


def deployment() -> tuple[dict, dict]:
    """The pod and its container."""
    [found] = [each for each in documents() if each["kind"] == "Deployment"]
    pod = found["spec"]["template"]["spec"]
    [container] = pod["containers"]
    return pod, container


def built(variant: str, directory: Path) -> list[dict]:
    """What `kubectl apply -k` would apply."""
    copied = directory / variant
    shutil.copytree(DEPLOY, copied)
    (copied / "env.example").rename(copied / ".env")
    if variant == STANDBY:
        (copied / "kustomization.yaml").write_text(KUSTOMIZATION.replace("# components:", "components:"))
    return list(yaml.safe_load_all(read_tool("kubectl", "kustomize", copied)))


def test_every_variable_is_in_the_example() -> None:
    """Or has a default: a start names what it misses, but the example is what people copy."""
    assert set(re.findall(r"\$\{(\w+)\}", TEXT)) <= ENV.keys()
    assert set(re.findall(r"\$\{(\w+)", (DEPLOY / "compose.yaml").read_text())) <= ENV.keys()
    overridden = {*GATEWAY["environment"], "OMNILLM_WAIT"}
    assert overridden <= set(re.findall(r"\$\{(\w+):-", TEXT))


def test_whoever_stops_it_allows_what_a_stop_takes() -> None:
    """And for two sockets a call."""
    server = settings().server
    least_s = server.drain_delay_s + server.drain_s + 1
    pod, _ = deployment()
    unit = (DEPLOY / "omnillm.service").read_text()
    assert pod["terminationGracePeriodSeconds"] > least_s
    assert int(GATEWAY["stop_grace_period"].removesuffix("s")) > least_s
    assert int(re.findall(r"TimeoutStopSec=(\d+)", unit)[0]) > least_s
    assert int(re.findall(r"LimitNOFILE=(\d+)", unit)[0]) > 2 * server.limits.connections


async def test_probes_and_ports_are_the_gateways() -> None:
    """Whatever asks for a path at a port gets an answer there; and what is for operators is not served to clients."""
    server = settings().server
    _, container = deployment()
    named = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert named == {"calls": server.port, "admin": server.admin.port}
    assert [int(port) for port in instructions("EXPOSE")[0].split()] == [*named.values()]
    assert [port.split(":")[1:] for port in GATEWAY["ports"]] == [[str(port)] * 2 for port in named.values()]
    assert [each["port"] for found in documents() if found["kind"] == "Service" for each in found["spec"]["ports"]] == [*named.values()]
    probes = [container[f"{kind}Probe"]["httpGet"] for kind in ("startup", "readiness", "liveness")]
    async with deployed() as gateway:
        for probe in probes:
            assert (await gateway.ask(probe["port"], probe["path"]))[0] == 200, probe
        for path in ("/metrics", "/dashboard", "/admin/v1/budgets"):
            assert (await gateway.ask("admin", path))[0] == 200
            assert (await gateway.ask("calls", path))[0] == 404


async def test_the_image_asks_whether_its_gateway_lives() -> None:
    """By the command in the Dockerfile: 0 while it answers, another code when it does not."""
    [check] = instructions("HEALTHCHECK")
    _, option, code = json.loads(check.partition(" CMD ")[2])
    assert f"'127.0.0.1', {settings().server.port}" in code
    async with deployed() as gateway:
        command = (sys.executable, option, code.replace(str(settings().server.port), str(gateway.ports["calls"])))
        assert await (await asyncio.create_subprocess_exec(*command)).wait() == 0
    assert await (await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.DEVNULL)).wait() == 1


def test_the_image_is_made_of_the_wheel_and_what_it_requires(tmp_path: Path) -> None:
    """The files that are copied make the same wheel as the repository, and all extras are among the pinned requirements."""
    copies = [line.split() for line in instructions("COPY") if not line.startswith("--")]
    for *sources, target in copies:
        place = tmp_path / target.lstrip("/")
        for source in sources:
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, place, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                place.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / source, place)
    ours, theirs = build(tmp_path / "ours"), build(tmp_path / "theirs", root=tmp_path / "build")
    assert ours.read_bytes() == theirs.read_bytes()
    with ZipFile(ours) as archive:
        [metadata] = [archive.read(name).decode() for name in archive.namelist() if name.endswith("METADATA")]
    pinned = dict(re.findall(r"^([\w.-]+)(?:\[[\w,]+\])?==([^ ;]+)", (tmp_path / "build/image.txt").read_text(), re.MULTILINE))
    required = [Requirement(line) for line in re.findall(r"^Requires-Dist: (.*)$", metadata, re.MULTILINE)]
    assert len(required) > 15
    assert [str(each) for each in required if pinned.get(each.name.lower(), "") not in each.specifier] == []


def test_the_container_owns_little() -> None:
    """No root, a read-only file system but for what it writes, no capability; a signal reaches the program itself."""
    [user] = instructions("USER")
    [volume] = instructions("VOLUME")
    assert isinstance(json.loads(instructions("ENTRYPOINT")[0]), list)
    assert isinstance(json.loads(instructions("CMD")[0]), list)
    pod, container = deployment()
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["runAsUser"] == int(user) > 0
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert container["securityContext"]["capabilities"]["drop"] == GATEWAY["cap_drop"] == ["ALL"]
    mounts = {each["mountPath"]: each["name"] for each in container["volumeMounts"]}
    assert {volume, "/tmp"} <= mounts.keys()
    assert {*mounts.values()} == {each["name"] for each in pod["volumes"]}
    assert GATEWAY["read_only"]
    configuration = json.loads(instructions("CMD")[0])[-1]
    assert str(Path(configuration).parent) in mounts
    assert GATEWAY["volumes"] == [f"./omnillm.yaml:{configuration}:ro", "temporary:/tmp"]


@needs("kubectl")
def test_two_pods_stand_by_each_other(tmp_path: Path) -> None:
    """The component takes the volume away, and lets a pod that stands by live as long as `store.wait` does."""
    alone, standby = built(ALONE, tmp_path), built(STANDBY, tmp_path)
    assert {each["kind"] for each in alone} - {each["kind"] for each in standby} == {"PersistentVolumeClaim"}
    [spec] = [each["spec"] for each in standby if each["kind"] == "Deployment"]
    [container] = spec["template"]["spec"]["containers"]
    env = {each["name"]: each["value"] for each in container["env"]}
    probe = container["startupProbe"]
    assert probe["failureThreshold"] * probe["periodSeconds"] > settings(**env).store.wait_s > 0
    assert spec["replicas"] == spec["strategy"]["rollingUpdate"]["maxUnavailable"] == 2
    assert {each["name"] for each in container["volumeMounts"]} == {each["name"] for each in spec["template"]["spec"]["volumes"]}
    for built_file in (alone, standby):
        [kept] = [each for each in built_file if each["kind"] == "ConfigMap"]
        assert kept["data"] == {"omnillm.yaml": TEXT}


@needs("kubectl")
@pytest.mark.skipif(importlib.util.find_spec("kubernetes_validate") is None, reason="kubernetes-validate (100 MB) is not installed")
@pytest.mark.parametrize("variant", [ALONE, STANDBY])
def test_kubernetes_knows_every_member(variant: str, tmp_path: Path) -> None:
    """By the schemas of its API, strictly."""
    import kubernetes_validate

    for document in built(variant, tmp_path):
        kubernetes_validate.validate(document, kubernetes_validate.latest_version(), strict=True)


@needs("systemd-analyze")
def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    """With a program that is there."""
    unit = tmp_path / "omnillm.service"
    unit.write_text((DEPLOY / "omnillm.service").read_text().replace("/opt/omnillm/bin/omnillm", "/bin/true"))
    read_tool("systemd-analyze", "verify", unit)


@needs("nginx")
def test_nginx_takes_the_site(tmp_path: Path) -> None:
    """At a free port, with a certificate that is there."""
    issued = trustme.CA().issue_cert("llm.example.com")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "llm.example.com.pem")
    issued.private_key_pem.write_to_path(tmp_path / "llm.example.com.key")
    site = (DEPLOY / "nginx.conf").read_text()
    assert f"127.0.0.1:{settings().server.port};" in site
    assert "underscores_in_headers on;" in site or not any(b"_" in field for field in SESSION_FIELDS)
    (tmp_path / "site.conf").write_text(site.replace("/etc/ssl", str(tmp_path)).replace("listen 443", f"listen 127.0.0.1:{free_port()}"))
    (tmp_path / "nginx.conf").write_text(f"pid {tmp_path}/pid;\nerror_log stderr;\nevents {{}}\nhttp {{ include {tmp_path}/site.conf; }}\n")
    read_tool("nginx", "-t", "-c", tmp_path / "nginx.conf", "-e", "stderr")
