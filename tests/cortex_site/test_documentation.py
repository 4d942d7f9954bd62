"""The documents say what is: every setting, every make target, every file that is pointed to."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from cortex_site import settings
from tests.server import ROOT

README = (ROOT / "README.md").read_text()
EXAMPLE = (ROOT / ".env.example").read_text()
MAKEFILE = (ROOT / "Makefile").read_text()
SETTINGS = sorted(settings.env.names)


def test_settings_are_found() -> None:
    assert {"HOST", "PORT", "DEFAULT_MODEL", "ALLOWED_ORIGINS", "DATABASE_URL"} <= set(SETTINGS)


@pytest.mark.parametrize("name", SETTINGS)
def test_every_setting_is_documented(name: str) -> None:
    assert re.search(rf"^\| `{name}` \|", README, re.M), "no row in README.md"
    assert re.search(rf"^#{name}=", EXAMPLE, re.M), "no line in .env.example"


def test_nothing_is_documented_that_is_not_read() -> None:
    rows = set(re.findall(r"^\| `([A-Z_]+)` \|", README, re.M))
    lines = set(re.findall(r"^#([A-Z_]+)=", EXAMPLE, re.M))
    assert rows - set(SETTINGS) == {"ENV_FILE"}  # read before there are settings
    assert lines <= set(SETTINGS)


def test_the_example_is_a_valid_env_file(tmp_path) -> None:
    """With every line switched on, every value is accepted (those that name a place aside)."""
    text = re.sub(r"^#([A-Z_]+=)", r"\1", EXAMPLE, flags=re.M)
    (tmp_path / ".env").write_text(text.replace("=var", f"={tmp_path}/var"))
    code = "import django; django.setup()"
    env = {
        "DJANGO_SETTINGS_MODULE": "cortex_site.settings",
        "ENV_FILE": str(tmp_path / ".env"),
        "PATH": "/usr/bin",
    }
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()


@pytest.mark.parametrize("target", ["run", "test", "lint", "e2e", "bench", "lock"])
def test_every_make_target_exists_and_is_documented(target: str) -> None:
    assert re.search(rf"^{target}:.*##", MAKEFILE, re.M)
    assert f"make {target}" in README


@pytest.mark.parametrize(
    "document",
    ["README.md", *(f"docs/{file.name}" for file in sorted((ROOT / "docs").glob("*.md")))],
)
def test_what_is_pointed_to_is_there(document: str) -> None:
    text = (ROOT / document).read_text()
    folder = (ROOT / document).parent
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text)
    missing = [link for link in links if not (folder / link).exists()]
    assert not missing


@pytest.mark.parametrize("word", sorted(set(re.findall(r"\]\(#([^)]+)\)", README))))
def test_anchors_lead_somewhere(word: str) -> None:
    assert re.search(rf"^#+ {word}$", README, re.M | re.I)


def test_every_path_that_contributing_names_is_there() -> None:
    text = (ROOT / "docs" / "contributing.md").read_text()
    paths = re.findall(r"`([a-z_.]+(?:/[a-z_.0-9*]+)+/?)`", text)
    assert len(paths) > 20
    assert not [path for path in paths if not (ROOT / path).exists()]
