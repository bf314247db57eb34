"""The manifests of deploy/kubernetes/, as tests look at them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

from .containerfile import CHECKOUT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FOLDER = CHECKOUT / "deploy" / "kubernetes"
FILES = sorted(path for path in FOLDER.glob("*.yaml") if path.name != "kustomization.yaml")
CONFIGURATIONS = CHECKOUT / "collector-config"


class Manifest(NamedTuple):
    """An object of a file."""

    file: Path
    content: Any

    @property
    def kind(self) -> str:
        """What it is."""
        return str(self.content["kind"])

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.content["metadata"]["name"])

    @property
    def spec(self) -> Any:
        """What is wanted of it."""
        return self.content["spec"]

    @property
    def pod(self) -> Any:
        """The pods that it makes."""
        return self.spec["template"]["spec"]

    @property
    def containers(self) -> list[Any]:
        """The containers of its pods, those of sidecars first."""
        return [*self.pod.get("initContainers", ()), *self.pod["containers"]]


def manifests(file: Path) -> list[Manifest]:
    """What a file holds."""
    objects = yaml.safe_load_all(file.read_text(encoding="utf-8"))
    return [Manifest(file, each) for each in objects if each is not None]


ALL = [manifest for file in FILES for manifest in manifests(file)]
WORKLOADS = [manifest for manifest in ALL if "template" in manifest.content.get("spec", {})]


def of(kind: str, name: str = "") -> list[Manifest]:
    """The objects of a kind, or the one of a name."""
    return [each for each in ALL if each.kind == kind and name in {"", each.name}]


def embedded(ending: str = "") -> Iterator[tuple[str, str]]:
    """Names and texts of the files in ConfigMaps."""
    for each in of("ConfigMap"):
        for name, text in each.content["data"].items():
            if name.endswith(ending):
                yield name, text


def configuration(workload: str) -> str:
    """The text of Barograph's configuration in the pods of a workload."""
    (manifest,) = [each for each in WORKLOADS if each.name == workload]
    names = [each["configMap"]["name"] for each in manifest.pod["volumes"] if "configMap" in each]
    (text,) = [
        text
        for name in names
        for each in of("ConfigMap", name)
        for file, text in each.content["data"].items()
        if file == "barograph.yaml"
    ]
    return str(text)
