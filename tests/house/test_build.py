"""What is published: both packages, typed, licensed, and nothing else."""

from __future__ import annotations

import sys
import tarfile
import zipfile
from typing import TYPE_CHECKING

import pytest

import children

from .sources import CHECKOUT

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the build wrote to."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(folder)]
    done = children.run(command, folder=CHECKOUT)
    assert 0 == done.returncode, done.stderr
    return folder


def test_the_wheel_holds_both_packages_typed_and_licensed(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as content:
        names = set(content.namelist())
        assert {"barograph", "barograph_processor", "barograph-0.1.0.dist-info"} == {
            name.partition("/")[0] for name in names
        }
        assert {"barograph/py.typed", "barograph_processor/py.typed"} <= names
        assert any(name.endswith("licenses/LICENSE") for name in names)
        entry_points = content.read("barograph-0.1.0.dist-info/entry_points.txt").decode()
    assert "barograph = barograph_processor.cli:main" in entry_points
    assert "[opentelemetry_instrumentor]" in entry_points


def test_the_source_archive_holds_what_builds_and_tests_it(built: Path) -> None:
    (archive,) = built.glob("*.tar.gz")
    with tarfile.open(archive) as content:
        names = {name.partition("/")[2] for name in content.getnames()}
    assert {"pyproject.toml", "LICENSE", "README.md", "Makefile", "semconv/generate.py"} <= names
    assert not any(name.startswith((".venv", ".git/", "examples/flights/output")) for name in names)
