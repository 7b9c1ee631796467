"""What builds and checks the project names every package, and only folders and files that exist."""

import re
import tomllib

from tests.support.folders import PROJECT

BUILD = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
TOOLS = BUILD["tool"]
PACKAGES = {folder.parent.name for folder in PROJECT.glob("*/__init__.py")} - {"benchmarks", "tests"}
WORKFLOWS = sorted((PROJECT / ".github" / "workflows").glob("*.yml"))


def test_every_package_is_shipped_typed_and_under_the_import_contract() -> None:
    linter = TOOLS["importlinter"]
    (contract,) = linter["contracts"]
    assert set(TOOLS["hatch"]["build"]["include"]) == {f"/{name}" for name in PACKAGES | {"conf"}}
    assert set(TOOLS["mypy"]["packages"]) == PACKAGES
    assert set(linter["root_packages"]) == PACKAGES
    assert {name for layer in contract["layers"] for name in re.split(r"\s*\|\s*", layer)} == PACKAGES


def test_the_lint_exceptions_are_for_files_that_exist() -> None:
    patterns = TOOLS["ruff"]["lint"]["per-file-ignores"]
    assert [pattern for pattern in patterns if not any(PROJECT.glob(pattern))] == []


def test_the_command_is_a_function_that_exists() -> None:
    module, name = BUILD["project"]["scripts"]["lakehouse"].split(":")
    text = PROJECT.joinpath(*module.split(".")).with_suffix(".py").read_text(encoding="utf-8")
    assert f"\ndef {name}(" in text


def test_the_workflows_name_paths_and_targets_that_exist() -> None:
    targets = re.findall(r"^([\w-]+):", (PROJECT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert WORKFLOWS
    for workflow in WORKFLOWS:
        text = workflow.read_text(encoding="utf-8")
        paths = re.findall(r"(?<![\w./~-])(?:tests|conf|benchmarks|requirements)[\w/.-]+\w", text)
        assert paths
        assert [path for path in paths if not (PROJECT / path).exists()] == []
        assert set(re.findall(r"\bmake ([\w-]+)", text)) <= set(targets)
