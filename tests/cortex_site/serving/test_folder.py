"""The data folder: everything in it is its owner's, and the check says what cannot be."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from cortex_site.checks import privacy_check
from cortex_site.serving import folder
from cortex_site.serving.folder import folder_make_private, is_shared


@pytest.fixture
def data(tmp_path: Path, settings: Any) -> Path:
    settings.DATA_DIR = tmp_path / "data"
    settings.PROMPT_CACHE_DIR = tmp_path / "cache"
    for path in (settings.DATA_DIR, settings.PROMPT_CACHE_DIR):
        path.mkdir(mode=0o755)
        (path / "file").write_text("")
        (path / "file").chmod(0o666)
        path.chmod(0o755)
    return settings.DATA_DIR


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_everything_is_made_private(data: Path, tmp_path: Path) -> None:
    (data / "program").write_text("")
    (data / "program").chmod(0o755)
    assert privacy_check() == []
    assert [mode(data), mode(data / "file"), mode(data / "program")] == [0o700, 0o600, 0o700]
    assert [mode(tmp_path / "cache"), mode(tmp_path / "cache" / "file")] == [0o700, 0o600]


def test_the_check_says_what_cannot_be(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a disk that knows no rights, or in a folder of somebody else."""
    monkeypatch.setattr(Path, "chmod", lambda *_: None)
    [warning] = privacy_check()
    assert warning.id == "cortex.W002"
    assert str(data) in warning.msg
    assert "more" in warning.msg

    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "chmod", refuse)
    assert privacy_check()[0].id == "cortex.W002"


def test_a_folder_that_holds_more_keeps_its_rights(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(data / "file"))
    assert is_shared(data)
    (data / "secret_key").write_text("")
    (data / "secret_key").chmod(0o644)
    folder_make_private()
    assert [mode(data), mode(data / "file"), mode(data / "secret_key")] == [0o755, 0o666, 0o600]


def test_what_is_made_is_private() -> None:
    """As the settings see to it, for every command."""
    before = os.umask(0)
    os.umask(before)
    assert before == folder.PRIVATE
