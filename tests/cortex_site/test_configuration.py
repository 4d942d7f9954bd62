"""Settings from the environment and from .env: empty is unset, and a mistake is named."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from cortex_site import configuration
from inference.types import LIMITS


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The settings' view of variables, with a .env file below them."""

    def make(text: str = "", **variables: str) -> configuration.Environment:
        file = tmp_path / ".env"
        file.write_text(text)
        own = dict(variables)
        monkeypatch.setattr("os.environ", own)
        monkeypatch.setattr(configuration.Environment, "ENVIRON", own)
        return configuration.Environment(file)

    return make


def test_a_variable_set_to_nothing_is_not_set(environment) -> None:
    env = environment("PORT=\nHOST= \n", DEBUG="", ALLOWED_HOSTS="")
    assert configuration.integer(env, "PORT", 8000, low=0) == 8000
    assert env.str("HOST", "127.0.0.1") == "127.0.0.1"
    assert configuration.boolean(env, "DEBUG", True) is True
    assert configuration.words(env, "ALLOWED_HOSTS") == []


def test_the_shell_wins_over_the_file(environment) -> None:
    env = environment("# a comment\n\nexport PORT=1\nHOST='a b'\n", PORT="2")
    assert env.str("PORT") == "2"
    assert env.str("HOST") == "a b"


@pytest.mark.parametrize(
    ("text", "line", "names"),
    [
        ("PORT=1\nnonsense\n", 2, "the line"),
        ("PORT = 8000\n", 1, "PORT"),
        ("\n# ok\n=5\n", 3, "NAME=value"),
        ("HOST=a\nKEY='half\n", 2, "KEY"),
        ('KEY="half\n', 1, "KEY"),
        ("MY-KEY=1\n", 1, "MY-KEY"),
    ],
)
def test_a_bad_line_is_named_with_its_number(environment, text: str, line: int, names: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=rf"\.env line {line}: .*{names}"):
        environment(text)


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ImproperlyConfigured, match=r"\.env cannot be read"):
        configuration.Environment(tmp_path / ".env")


def test_unknown_variables_are_found_with_their_line(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("PORT=1\nPROT=2\nHF_TOKEN=x\n")
    assert configuration.unknown_variables(file, {"PORT"}) == [(2, "PROT")]


@pytest.mark.parametrize("value", ["x", "1.5", "-1", "70000", "1e3"])
def test_a_bad_number_names_the_variable(environment, value: str) -> None:
    env = environment(PORT=value)
    with pytest.raises(ImproperlyConfigured, match=r"PORT=.*whole number from 0 to 65535"):
        configuration.integer(env, "PORT", 8000, low=0, high=65535)


@pytest.mark.parametrize("value", ["hot", "-0.1", "2.1", "nan"])
def test_a_bad_temperature_names_the_variable(environment, value: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="TEMPERATURE"):
        configuration.number(environment(TEMPERATURE=value), "TEMPERATURE", LIMITS["temperature"])


def test_a_default_top_p_that_would_fail_every_answer_is_refused(environment) -> None:
    env = environment(DEFAULT_TOP_P="0")
    with pytest.raises(ImproperlyConfigured, match=r"DEFAULT_TOP_P='0'.*above 0, at most 1"):
        configuration.number(env, "DEFAULT_TOP_P", LIMITS["top_p"])


@pytest.mark.parametrize(
    ("value", "expected"),
    [("True", True), ("true", True), ("1", True), ("YES", True), ("off", False), ("0", False)],
)
def test_booleans(environment, value: str, expected: bool) -> None:
    assert configuration.boolean(environment(DEBUG=value), "DEBUG", not expected) is expected


def test_a_bad_boolean_names_the_variable(environment) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"DEBUG='maybe'.*True or False"):
        configuration.boolean(environment(DEBUG="maybe"), "DEBUG", False)


@pytest.mark.parametrize(
    ("value", "expected"),
    [("8G", 8 * 2**30), ("512M", 512 * 2**20), ("8GB", 8 * 2**30), ("1.5GiB", 3 * 2**29), ("0", 0)],
)
def test_sizes(environment, value: str, expected: int) -> None:
    assert configuration.size(environment(LIMIT=value), "LIMIT", 1) == expected


@pytest.mark.parametrize("value", ["much", "8X", "-1G", "G", "inf", "nan"])
def test_a_bad_size_names_the_variable(environment, value: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="LIMIT="):
        configuration.size(environment(LIMIT=value), "LIMIT", 1)


def test_origins_are_trimmed(environment) -> None:
    env = environment(ALLOWED_ORIGINS="http://a:3000/ , https://b")
    assert configuration.origins(env, "ALLOWED_ORIGINS", []) == ["http://a:3000", "https://b"]


@pytest.mark.parametrize("value", ["*", "localhost:3000", "ftp://a", "http://a/path", "null"])
def test_a_bad_origin_names_the_variable(environment, value: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="ALLOWED_ORIGINS="):
        configuration.origins(environment(ALLOWED_ORIGINS=value), "ALLOWED_ORIGINS", [])


@pytest.mark.parametrize("url", ["nonsense", "mysql://a/b", "sqlite://:memory:", "postgres://h"])
def test_a_bad_database_url_names_the_variable(tmp_path: Path, url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="DATABASE_URL="):
        configuration.database(url, base=tmp_path)


def test_a_database_password_is_not_shown(tmp_path: Path) -> None:
    with pytest.raises(ImproperlyConfigured) as error:
        configuration.database("mysql://me:secret@host/name", base=tmp_path)
    assert "secret" not in str(error.value)


def test_a_relative_sqlite_file_starts_at_the_project(tmp_path: Path) -> None:
    config = configuration.database("sqlite:///var/cortex.sqlite3", base=tmp_path)
    assert config["NAME"] == str(tmp_path / "var/cortex.sqlite3")
    assert config["OPTIONS"]["transaction_mode"] == "IMMEDIATE"


def test_the_secret_key_is_made_once_and_kept_private(tmp_path: Path) -> None:
    path = tmp_path / "data" / "secret_key"
    key = configuration.secret_key(path)
    assert len(key) > 50
    assert configuration.secret_key(path) == key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["secret_key"]


def test_an_empty_secret_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret_key").write_text("")
    with pytest.raises(ImproperlyConfigured, match="is empty"):
        configuration.secret_key(tmp_path / "secret_key")


def test_a_data_folder_that_cannot_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ImproperlyConfigured, match="DATA_DIR="):
        configuration.secret_key(tmp_path / "file" / "secret_key")
