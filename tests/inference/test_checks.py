"""Misconfiguration is told before anything starts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from inference import checks
from inference.library import embedded


def ids(messages: list[Any]) -> list[str]:
    return [message.id for message in messages]


def test_a_sound_configuration_passes(settings: Any, tmp_path: Path) -> None:
    settings.MODEL_CACHE_DIR = tmp_path / "not" / "yet"
    assert not checks.check_model_cache()
    assert not checks.check_default_model()


def test_a_default_model_that_is_no_id(settings: Any) -> None:
    settings.DEFAULT_MODEL = "../model"
    assert ids(checks.check_default_model()) == ["inference.E001"]


def test_a_cache_that_is_a_file(settings: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    settings.MODEL_CACHE_DIR = tmp_path / "file"
    (message,) = checks.check_model_cache()
    assert message.id == "inference.E002"
    assert "MODEL_CACHE_DIR" in message.msg


def test_no_embedded_model(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.MODEL_CACHE_DIR = tmp_path
    monkeypatch.setattr(embedded, "PACKAGE", "not_installed_here")
    assert ids(checks.check_default_model()) == ["inference.W001"]
