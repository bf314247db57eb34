"""The image: what can be told of it, and done as it says, where no program builds images."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from fnmatch import fnmatch
from importlib.metadata import metadata
from typing import TYPE_CHECKING

import pytest
import yaml

import children
from cli.processes import send, service

from .containerfile import CHECKOUT, CONTAINERFILE, Stage, stages

if TYPE_CHECKING:
    from pathlib import Path

STEP_S = 300
ARGUMENTS, (BUILD, FINAL) = stages(CONTAINERFILE.read_text(encoding="utf-8"))


def copied(stage: Stage) -> list[str]:
    """What a stage takes from the checkout."""
    return [word for step in stage.of("COPY") if "from" not in step.flags() for word in step.words()[:-1]]


def tracked(path: str) -> list[str]:
    done = children.run(["git", "ls-files", "--", path], folder=CHECKOUT)
    assert 0 == done.returncode, done.stderr
    return done.stdout.split()


def ignored(path: str) -> bool:
    """Whether .containerignore keeps a path from the build; the last line that fits decides."""
    verdict = False
    for line in (CHECKOUT / ".containerignore").read_text(encoding="utf-8").splitlines():
        pattern = line.removeprefix("!")
        if not pattern or line.startswith("#"):
            continue
        parts = path.split("/")
        folders = ["/".join(parts[:length]) for length in range(1, len(parts) + 1)]
        if any(fnmatch(folder, pattern.replace("**/", "*")) for folder in folders):
            verdict = not line.startswith("!")
    return verdict


def test_what_is_copied_is_tracked_and_reaches_the_build() -> None:
    assert copied(BUILD)
    assert [] == copied(FINAL), "only what was built gets into the image"
    for path in copied(BUILD):
        files = tracked(path)
        assert files, path
        assert [] == [file for file in files if ignored(file)]


def test_nothing_else_reaches_the_build() -> None:
    wanted = tuple(copied(BUILD))
    strays = [file for file in tracked(".") if not file.startswith(wanted) and not ignored(file)]
    assert [] == strays
    assert ignored(".venv/bin/python")
    assert ignored("processor/barograph_processor/__pycache__/clock.pyc")


def test_what_the_image_gets_from_the_build_was_made_there() -> None:
    made = {word for step in BUILD.of("RUN") for word in step.words()}
    for step in FINAL.of("COPY"):
        assert BUILD.name == step.flags()["from"]
        assert step.words()[0] in made


def test_the_base_is_a_slim_python_that_we_support_and_no_latest() -> None:
    assert "${BASE}" == BUILD.image == FINAL.image
    match = re.fullmatch(r"docker\.io/library/python:(3\.\d+)-slim-\w+", ARGUMENTS["BASE"])
    assert match
    assert f"Programming Language :: Python :: {match[1]}" in (
        metadata("barograph").get_all("Classifier") or ()
    )


def test_it_runs_as_a_number_that_is_not_root() -> None:
    user, _, group = FINAL.of("USER")[-1].text.partition(":")
    assert int(user) > 0
    assert int(group) > 0
    (state,) = [step for step in FINAL.of("COPY") if "chown" in step.flags()]
    assert f"{user}:{group}" == state.flags()["chown"]
    assert [state.words()[-1]] == [step.text for step in FINAL.of("VOLUME")]
    assert [] == FINAL.of("RUN"), "nothing is done as root in what is shipped"


def test_it_says_what_it_is_in_labels_that_agree_with_the_package() -> None:
    package = metadata("barograph")
    labels = dict(word.split("=", 1) for step in FINAL.of("LABEL") for word in step.words())
    assert {
        "org.opencontainers.image.title": package["Name"],
        "org.opencontainers.image.description": package["Summary"],
        "org.opencontainers.image.version": "${VERSION}",
        "org.opencontainers.image.licenses": package["License-Expression"],
    } == labels
    assert [f"VERSION={package['Version']}"] == [step.text for step in FINAL.of("ARG")]


def test_its_command_listens_on_what_is_exposed_and_writes_to_the_volume_alone(tmp_path: Path) -> None:
    assert ["barograph"] == json.loads(FINAL.of("ENTRYPOINT")[0].text)
    assert "SIGTERM" == FINAL.of("STOPSIGNAL")[0].text
    first, *options = json.loads(FINAL.of("CMD")[0].text)
    assert "run" == first
    command = [sys.executable, "-m", "barograph_processor.cli", "check", *options]
    done = children.run(command, folder=tmp_path)
    assert 0 == done.returncode, done.stderr
    meant = yaml.safe_load(done.stdout)
    endpoints = [
        meant["receivers"]["otlp"]["grpc"]["endpoint"],
        meant["receivers"]["otlp"]["http"]["endpoint"],
        meant["exporters"]["prometheus"]["endpoint"],
    ]
    assert [f"0.0.0.0:{port}" for port in FINAL.of("EXPOSE")[0].words()] == endpoints
    assert [meant["storage"]["directory"]] == [step.text for step in FINAL.of("VOLUME")]


@pytest.mark.slow
@pytest.mark.timeout(2 * STEP_S)
def test_its_steps_install_a_program_that_runs(tmp_path: Path) -> None:
    """Every COPY and RUN of the build, with folders of the test in place of `/src`, `/opt` and others."""
    source, bin_of_base = tmp_path / "src", tmp_path / "base" / "bin"
    made = children.run([sys.executable, "-m", "venv", tmp_path / "base"], timeout_s=STEP_S)
    assert 0 == made.returncode, made.stderr
    environ = {**os.environ, **BUILD.environment(), "PIP_NO_COMPILE": "1"}
    del environ["PIP_NO_CACHE_DIR"]
    environ["PATH"] = f"{bin_of_base}{os.pathsep}{environ['PATH']}"
    for step in BUILD.steps:
        if step.word == "COPY":
            *paths, into = step.words()
            for path in (file for each in paths for file in tracked(each)):
                place = (
                    source / path if (CHECKOUT / paths[0]).is_dir() else source / into / path.split("/")[-1]
                )
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(CHECKOUT / path, place)
        elif step.word == "RUN":
            source.mkdir(exist_ok=True)
            command = re.sub(r"(?<= )/(opt|dist|state)", rf"{tmp_path}/\1", step.text)
            if os.geteuid() != 0:
                command = re.sub(r"--(owner|group) \d+ ", "", command)
            done = children.run(["sh", "-c", command], folder=source, environ=environ, timeout_s=STEP_S)
            assert 0 == done.returncode, f"{command}\n{done.stdout}{done.stderr}"
    installed = tmp_path / "opt" / "barograph"
    assert not list(installed.glob("lib/*/site-packages/pandas")), "only what the processor needs"
    with service(
        "--storage", str(tmp_path / "state"), command=[str(installed / "bin" / "barograph")],
        environ={"PYTHONDONTWRITEBYTECODE": "1"},
    ) as running:  # fmt: skip
        send(running.otlp, [])
        assert "barograph_service_ready 1" in running.scrape()
        running.stop()
        assert 0 == running.process.returncode, running.said
