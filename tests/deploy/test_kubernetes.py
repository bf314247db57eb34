"""The manifests against Kubernetes' own schemas, the shipped configurations, the image and each other."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import kubernetes_validate
import pytest
import yaml
from click.testing import CliRunner

from barograph_processor.cli.root import cli
from barograph_processor.components.registry import Registry
from barograph_processor.config.load import load

from .containerfile import CONTAINERFILE, stages
from .manifests import ALL, CONFIGURATIONS, FILES, FOLDER, WORKLOADS, Manifest, configuration, embedded, of

if TYPE_CHECKING:
    from pathlib import Path

KUBERNETES = ("1.29", "1.33", ".".join(kubernetes_validate.latest_version().split(".")[:2]))
OURS = [each for each in WORKLOADS if each.name in {"barograph", "credit"}]
IMAGE = stages(CONTAINERFILE.read_text(encoding="utf-8"))[1][-1]


def named(manifest: Manifest) -> str:
    return f"{manifest.file.stem}-{manifest.kind}-{manifest.name}"


@pytest.mark.parametrize("kubernetes", KUBERNETES)
@pytest.mark.parametrize("manifest", ALL, ids=named)
def test_a_manifest_is_valid_and_has_no_unknown_key(manifest: Manifest, kubernetes: str) -> None:
    assert kubernetes == kubernetes_validate.validate(manifest.content, kubernetes, strict=True)


def test_an_unknown_key_would_be_found() -> None:
    (manifest,) = of("DaemonSet")
    wrong = {**manifest.content, "spec": {**manifest.spec, "replicas": 2}}
    with pytest.raises(kubernetes_validate.ValidationError, match="replicas"):
        kubernetes_validate.validate(wrong, KUBERNETES[0], strict=True)


@pytest.mark.parametrize("manifest", WORKLOADS, ids=named)
def test_pods_keep_to_the_restricted_standard_but_for_the_one_that_reads_the_node(manifest: Manifest) -> None:
    reads_the_node = manifest.kind == "DaemonSet"
    context = manifest.pod["securityContext"]
    assert {"type": "RuntimeDefault"} == context["seccompProfile"]
    assert reads_the_node is (context["runAsUser"] == 0)
    assert reads_the_node is not context.get("runAsNonRoot", False)
    assert manifest.pod["automountServiceAccountToken"] is False
    assert reads_the_node is any("hostPath" in each for each in manifest.pod["volumes"])
    for container in manifest.containers:
        own = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True}
        assert {**own, "capabilities": {"drop": ["ALL"]}} == container["securityContext"]
        assert {"cpu", "memory"} == set(container["resources"]["requests"])
        assert "memory" in container["resources"]["limits"]


@pytest.mark.parametrize("manifest", OURS, ids=named)
def test_our_pods_run_as_the_image_does(manifest: Manifest) -> None:
    context = manifest.pod["securityContext"]
    assert f"{context['runAsUser']}:{context['runAsGroup']}" == IMAGE.of("USER")[0].text
    assert context["runAsUser"] == context["fsGroup"], "so that volumes can be written to"


@pytest.mark.parametrize("manifest", WORKLOADS, ids=named)
def test_what_is_mounted_is_there(manifest: Manifest) -> None:
    volumes = {each["name"]: each for each in manifest.pod["volumes"]}
    volumes |= {each["metadata"]["name"]: each for each in manifest.spec.get("volumeClaimTemplates", ())}
    mounted = {mount["name"] for container in manifest.containers for mount in container["volumeMounts"]}
    assert volumes.keys() == mounted
    for each in volumes.values():
        if "configMap" in each and not each["configMap"].get("optional"):
            assert of("ConfigMap", each["configMap"]["name"])
    for container in manifest.containers:
        if "args" in container:
            folder, _, file = container["args"][-1].rpartition("/")
            (mount,) = [each for each in container["volumeMounts"] if each["mountPath"] == folder]
            (config,) = of("ConfigMap", volumes[mount["name"]]["configMap"]["name"])
            assert [file] == list(config.content["data"])
            assert mount["readOnly"]


@pytest.mark.parametrize(
    "manifest", [each for each in ALL if "selector" in each.content.get("spec", {})], ids=named
)
def test_what_is_selected_is_made(manifest: Manifest) -> None:
    selector = manifest.spec["selector"].get("matchLabels", manifest.spec["selector"])
    assert [1] == [
        1 for each in WORKLOADS if selector.items() <= each.spec["template"]["metadata"]["labels"].items()
    ]


def _ports_of(selector: Any) -> dict[str, int]:
    return {
        port["name"]: port["containerPort"]
        for each in WORKLOADS
        if selector.items() <= each.spec["template"]["metadata"]["labels"].items()
        for container in each.containers
        for port in container.get("ports", ())
    }


def test_services_policies_and_probes_name_ports_that_are_there() -> None:
    for service in of("Service"):
        ports = _ports_of(service.spec["selector"])
        for port in service.spec["ports"]:
            assert port["port"] == ports[port["targetPort"]], "the same inside and outside"
    for policy in of("NetworkPolicy"):
        ports = _ports_of(policy.spec["podSelector"]["matchLabels"])
        allowed = [port["port"] for rule in policy.spec["ingress"] for port in rule["ports"]]
        # A pod's own node may always ask: what only probes use needs no rule.
        assert sorted(ports.keys() - {"health"}) == sorted(allowed), "all that listens, and nothing else"
    for workload in WORKLOADS:
        for container in workload.containers:
            names = {port["name"]: port["containerPort"] for port in container.get("ports", ())}
            for probe in (container.get("readinessProbe", {}), container.get("startupProbe", {})):
                for way in ("httpGet", "tcpSocket", "grpc"):
                    if way in probe:
                        assert probe[way]["port"] in {*names, *names.values()}


@pytest.mark.parametrize("manifest", WORKLOADS, ids=named)
def test_sidecars_never_keep_a_service_from_traffic(manifest: Manifest) -> None:
    for container in manifest.pod.get("initContainers", ()):
        assert "Always" == container["restartPolicy"], "a sidecar and no step before the start"
        assert set() == container.keys() & {"readinessProbe", "startupProbe", "livenessProbe"}


def test_collectors_get_the_shipped_configurations_word_for_word() -> None:
    found = [(name, text) for name, text in embedded() if name != "barograph.yaml"]
    assert {"agent.yaml", "gateway.yaml"} == {name for name, _ in found}
    for name, text in found:
        assert (CONFIGURATIONS / name).read_text(encoding="utf-8") == text


@pytest.mark.parametrize("manifest", OURS, ids=named)
def test_our_configuration_passes_its_own_check(manifest: Manifest, tmp_path: Path) -> None:
    file = tmp_path / "barograph.yaml"
    file.write_text(configuration(manifest.name), encoding="utf-8")
    done = CliRunner().invoke(cli, ["check", "--config", str(file)])
    assert 0 == done.exit_code, done.output


@pytest.mark.parametrize("manifest", OURS, ids=named)
def test_our_configuration_fits_its_pod(manifest: Manifest) -> None:
    config = load(configuration(manifest.name), catalog=Registry(), environ={})
    (container,) = [each for each in manifest.containers if each["image"] == "barograph"]
    mounts = {each["mountPath"]: each for each in container["volumeMounts"]}
    directory = str(config.storage.directory)
    assert [directory] == [step.text for step in IMAGE.of("VOLUME")]
    assert not mounts[directory].get("readOnly")
    for pattern in getattr(config.receivers.get("files"), "include", ()):
        assert mounts[str(pattern).rpartition("/")[0]]["readOnly"]
    claims = {
        each["metadata"]["name"]: each["spec"] for each in manifest.spec.get("volumeClaimTemplates", ())
    }
    volumes = {each["name"]: each for each in manifest.pod["volumes"]}
    name = mounts[directory]["name"]
    room = (
        claims[name]["resources"]["requests"]["storage"]
        if name in claims
        else volumes[name]["emptyDir"]["sizeLimit"]
    )
    needed = 2 * config.storage.pending_bytes + 2 * config.storage.journal_bytes
    assert int(room.removesuffix("Gi")) * 2**30 > needed


def test_the_gateway_sends_to_every_owner_there_is() -> None:
    (owners,) = of("StatefulSet", "barograph")
    (gateway,) = of("StatefulSet", "barograph-gateway")
    (headless,) = of("Service", owners.spec["serviceName"])
    assert "None" == headless.spec["clusterIP"]
    environ = {each["name"]: each["value"] for each in gateway.containers[0]["env"]}
    port = headless.spec["ports"][0]["port"]
    addresses = [f"{owners.name}-{index}.{headless.name}:{port}" for index in range(owners.spec["replicas"])]
    assert addresses == [environ["FIRST"], environ["SECOND"]]


def test_agents_send_to_the_gateway() -> None:
    (agents,) = of("DaemonSet")
    (gateway,) = of("Service", "barograph-gateway")
    environ = {each["name"]: each["value"] for each in agents.containers[0]["env"]}
    assert f"{gateway.name}:{gateway.spec['ports'][0]['port']}" == environ["NEXT"]
    mounts = {each["mountPath"]: each for each in agents.containers[0]["volumeMounts"]}
    assert mounts["/var/log/pods"]["readOnly"]
    assert environ["CONTAINER_LOGS"].startswith("/var/log/pods/")
    assert not mounts[environ["STORAGE"]].get("readOnly")


def test_kustomize_finds_its_files_and_fixes_every_image() -> None:
    content = yaml.safe_load((FOLDER / "kustomization.yaml").read_text(encoding="utf-8"))
    applied = [FOLDER / name for name in content["resources"]]
    assert {file for file in FILES if file.stem != "sidecar"} == set(applied)
    used = {each["image"] for one in WORKLOADS if one.file in applied for each in one.containers}
    tags = {each["name"]: each["newTag"] for each in content["images"]}
    assert used == tags.keys()
    assert "latest" not in tags.values()
    assert version("barograph") == tags["barograph"]
