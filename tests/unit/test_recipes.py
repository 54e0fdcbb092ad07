"""The lock, the container and the recipes of packagers say what pyproject.toml says."""

from __future__ import annotations

import re
from fnmatch import fnmatch

import pytest
import tomli
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import r1chat
from tests.unit.test_package import ROOT


@pytest.fixture(scope="module")
def project():
    return tomli.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


@pytest.fixture(scope="module")
def lock():
    return tomli.loads((ROOT / "uv.lock").read_text("utf-8"))


def written(requirements):
    """Requirements as names with their ranges, whatever the notation."""
    parsed = map(Requirement, requirements)
    return {canonicalize_name(each.name): {str(one) for one in each.specifier} for each in parsed}


def test_the_lock_is_of_these_requirements(project, lock):
    assert lock["requires-python"] == project["requires-python"]
    (own,) = [each for each in lock["package"] if each["name"] == "r1chat"]
    locked = {
        each["name"]: set(filter(None, each.get("specifier", "").split(",")))
        for each in own["metadata"]["requires-dist"]
        if "extra ==" not in each.get("marker", "")
    }
    assert locked == written(project["dependencies"])


def test_the_lock_for_pip_is_the_same_lock(lock):
    versions = {(each["name"], each.get("version")) for each in lock["package"]}
    rows = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    pinned = [re.match(r"([a-z0-9-]+)==([^ ]+)", row) for row in rows if not row.startswith("#")]
    assert len(pinned) > 50
    assert [each[0] for each in pinned if each.groups() not in versions] == []


def test_the_lock_names_the_public_index_alone():
    text = (ROOT / "uv.lock").read_text("utf-8")
    hosts = set(re.findall(r"[a-z]+://([^/\"]+)", text))
    assert hosts == {"pypi.org", "files.pythonhosted.org"}
    assert "file://" not in text


def test_the_metadata_name_every_python_from_the_oldest(project):
    named = re.findall(r"Python :: (3\.\d+)", "\n".join(project["classifiers"]))
    assert named == [f"3.{minor}" for minor in range(10, 15)]
    assert project["requires-python"] == f">={named[0]}"


def test_the_conda_recipe_wants_what_pyproject_wants(project):
    recipe = yaml.safe_load((ROOT / "recipe/conda/recipe.yaml").read_text("utf-8"))
    assert recipe["package"]["version"] == r1chat.__version__
    assert (ROOT / "recipe/conda" / recipe["source"]["path"]).resolve() == ROOT
    python, *wanted = recipe["requirements"]["run"]
    assert python == "python >=${{ python_min }}"
    assert f">={recipe['context']['python_min']}" == project["requires-python"]
    # conda-forge writes this one with its underscore.
    assert written(wanted) == written(project["dependencies"])


def test_the_container_copies_what_is_there_and_let_through():
    rows = (ROOT / "Dockerfile").read_text("utf-8").replace("\\\n", " ").splitlines()
    steps = [row.split(maxsplit=1) for row in rows if row and not row.startswith("#")]
    sources = [
        source
        for keyword, rest in steps
        if keyword == "COPY" and not rest.startswith("--from")
        for source in rest.split()[:-1]
    ]
    assert len(sources) >= 5
    passed = [
        row[1:]
        for row in (ROOT / ".dockerignore").read_text("utf-8").splitlines()
        if row.startswith("!")
    ]
    for source in sources:
        assert (ROOT / source).exists(), source
        assert any(fnmatch(source, each) for each in passed), source
    users = [rest for keyword, rest in steps if keyword == "USER"]
    assert users
    assert users[-1] not in ("0", "root")
    images = [rest.split()[0] for keyword, rest in steps if keyword == "FROM"]
    assert all(re.fullmatch(r"[a-z]+:\d[\w.-]+", image) for image in images)


def test_the_formula_and_the_container_compile_the_same_part_of_llama_cpp():
    for name in ("Dockerfile", "recipe/homebrew/r1chat.rb", "scripts/lib/environment.sh"):
        text = (ROOT / name).read_text("utf-8")
        assert "-DCMAKE_PROJECT_llama.cpp_INCLUDE=" in text
        assert "scripts/lib/only_llama.cmake" in text
