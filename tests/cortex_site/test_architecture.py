"""The house as docs/architecture.md tells it: each package has its sentence, no folder is full."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.server import ROOT

APPS = ("cortex_site", "chat", "agents", "tooling", "inference", "common")
DJANGOS = {"migrations", "management", "commands", "templatetags"}  # folders that Django prescribes
MOST_MODULES = 16

DOCUMENT = (ROOT / "docs" / "architecture.md").read_text()
ROWS = dict(re.findall(r"^\| `([a-z_.]+)` \| (.+; .*process.*) \|$", DOCUMENT, re.M))


def packages() -> list[Path]:
    folders = [file.parent for app in APPS for file in (ROOT / app).rglob("__init__.py")]
    return sorted(folder for folder in folders if folder.name not in DJANGOS)


def name(folder: Path) -> str:
    return ".".join(folder.relative_to(ROOT).parts)


@pytest.mark.parametrize("folder", packages(), ids=name)
def test_a_package_says_what_it_is_for_and_where_it_runs(folder: Path) -> None:
    text = ast.get_docstring(ast.parse((folder / "__init__.py").read_text())) or ""
    sentence = " ".join(text.split("\n\n")[0].split())
    assert re.search(r"; .*process", sentence), "the process is missing"
    assert ROWS.get(name(folder)) == sentence


def test_no_package_is_described_that_is_not_there() -> None:
    assert set(ROWS) == {name(folder) for folder in packages()}


@pytest.mark.parametrize("folder", packages(), ids=name)
def test_no_folder_has_more_modules_than_a_reader_can_survey(folder: Path) -> None:
    modules = [file.name for file in folder.glob("*.py") if file.name != "__init__.py"]
    assert len(modules) <= MOST_MODULES, ", ".join(sorted(modules))
