"""That what an Astro project installs, what the package asks for and what is locked are one."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
EXTRAS = ("postgres", "dev")


@pytest.fixture(scope="module")
def project():
    toml = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    return toml.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def requirements_of(file: str) -> list[Requirement]:
    lines = (
        line.partition("#")[0].strip() for line in (ROOT / file).read_text(encoding="utf-8").splitlines()
    )
    return [Requirement(line) for line in lines if line]


def test_requirements_are_the_packages_own_and_the_postgres_driver(project):
    asked_for = [*project["dependencies"], *project["optional-dependencies"]["postgres"]]
    assert sorted(map(str, requirements_of("requirements.txt"))) == sorted(
        str(Requirement(r)) for r in asked_for
    )


@pytest.mark.parametrize("python", ["3.10", "3.11", "3.12", "3.13"])
def test_the_lock_holds_one_fitting_version_of_each_for_every_python(project, python):
    environment = {"python_version": python, "python_full_version": f"{python}.0"}
    locked: dict[str, list[str]] = {}
    for pin in requirements_of("constraints.txt"):
        if pin.marker is None or pin.marker.evaluate(environment):
            locked.setdefault(canonicalize_name(pin.name), []).append(str(pin.specifier).removeprefix("=="))
    assert {name: versions for name, versions in locked.items() if len(versions) > 1} == {}
    asked_for = [
        *project["dependencies"],
        *(r for extra in EXTRAS for r in project["optional-dependencies"][extra]),
    ]
    for requirement in map(Requirement, asked_for):
        name = canonicalize_name(requirement.name)
        if name != project["name"]:
            assert requirement.specifier.contains(locked[name][0]), f"{requirement}: {locked[name]} is locked"
