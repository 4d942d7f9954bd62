"""The headers of GGUF files: what they say, and that nothing in them does harm."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import threading
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inference.errors import ModelLoadFailed
from inference.library import embedded
from inference.library.gguf import model_read
from tests.inference.library.gguf_files import MODEL, gguf, split_write, text

WHOLE = gguf()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "model.gguf"
    path.write_bytes(WHOLE)
    return path


def test_what_a_file_says_of_itself(file: Path) -> None:
    model = model_read(file)
    assert (model.architecture, model.name) == ("llama", "Tiny")
    assert (model.quantization, model.context_length) == ("Q4_K_M", 4096)
    assert model.parameters == 64 * 4 + 64
    assert model.data_bytes == 288 + 256, "Q8_0 takes 34 bytes for 32 elements, on 32 aligned"
    assert model.size_bytes == len(WHOLE)
    assert model.has_chat_template


def test_what_it_does_not_say_is_not_made_up(tmp_path: Path) -> None:
    path = tmp_path / "plain.gguf"
    path.write_bytes(gguf({"general.architecture": "brand-new"}))
    model = model_read(path)
    assert (model.architecture, model.name, model.context_length) == ("brand-new", "", 0)
    assert model.quantization == "Q8_0", "the type that most elements have"
    assert not model.has_chat_template


@pytest.mark.model
def test_the_embedded_model() -> None:
    path = embedded.gguf_file()
    assert path
    model = model_read(path)
    assert (model.architecture, model.quantization) == ("llama", "Q4_1")
    assert model.parameters == 134_515_008
    assert (model.context_length, model.has_chat_template) == (8192, True)
    assert 0 <= model.size_bytes - model.data_bytes < 5_000_000


def test_a_split_model_is_read_as_one(tmp_path: Path) -> None:
    first = split_write(tmp_path, "big-Q4_K_M", 3)
    model = model_read(first)
    assert model.parameters == 3 * 64 * 4
    assert model.size_bytes == sum(part.stat().st_size for part in tmp_path.iterdir())
    assert [part.name[-19:-5] for part in model.parts] == [
        f"0000{number}-of-00003" for number in (1, 2, 3)
    ]


def corrupt(*parts: bytes) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(b"".join(parts)) and None


def header(version: int = 3, tensors: int = 0, keys: int = 0) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", version, tensors, keys)


def key(name: str, kind: int, value: bytes) -> bytes:
    return text(name) + struct.pack("<I", kind) + value


def link_to_itself(path: Path) -> None:
    path.unlink()
    path.symlink_to(path)


def dangling(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.with_name("nowhere"))


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def listening(path: Path) -> None:
    path.unlink()
    here = os.getcwd()
    os.chdir(path.parent)  # the path of a socket must be short
    try:
        socket.socket(socket.AF_UNIX).bind(path.name)
    finally:
        os.chdir(here)


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


HUGE = 2**60


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (corrupt(WHOLE[:-1]), r"cut short: \d+ of \d+ bytes"),
        (corrupt(WHOLE[:200]), "cut short: its header goes on"),
        (corrupt(b""), "empty"),
        (corrupt(b"GG"), "not a GGUF file"),
        (corrupt(b"PK\3\4" + WHOLE[4:]), "not a GGUF file"),
        (corrupt(gguf(version=1)), "version 1"),
        (corrupt(gguf(version=4)), "version 4"),
        (corrupt(gguf(version=3 << 24)), "big-endian"),
        (corrupt(gguf({})), "no architecture"),
        (corrupt(header(keys=HUGE), bytes(100)), "claims .* entries of metadata"),
        (corrupt(header(tensors=HUGE), bytes(100)), "claims .* tensors"),
        (corrupt(header(keys=1), struct.pack("<Q", HUGE), bytes(9)), "a key of"),
        (corrupt(header(keys=1), key("k", 8, struct.pack("<Q", HUGE))), "cut short"),
        (corrupt(header(keys=1), key("k", 9, struct.pack("<IQ", 6, HUGE))), "cut short"),
        (corrupt(header(keys=1), key("k", 9, struct.pack("<IQ", 8, HUGE))), "claims .* texts"),
        (corrupt(header(keys=1), key("k", 9, struct.pack("<IQ", 9, 1))), "array of unknown"),
        (corrupt(header(keys=1), key("k", 77, b"1234")), "unknown type 77"),
        (corrupt(header(tensors=1), text("t"), struct.pack("<I", 9), bytes(20)), "9 dimensions"),
        (corrupt(header(tensors=1), text("t"), struct.pack("<IQQIQ", 2, HUGE, 9, 0, 0)), "absurd"),
        (corrupt(header(tensors=1), text("t"), struct.pack("<IQIQ", 1, 33, 8, 0)), "blocks"),
        (corrupt(gguf({**MODEL, "general.alignment": 3})), "alignment of '3'"),
        (corrupt(gguf({**MODEL, "general.alignment": 0})), "alignment of '0'"),
        (corrupt(gguf({**MODEL, "general.alignment": "x"})), "alignment of 'x'"),
        (corrupt(gguf({**MODEL, "split.count": 2})), "one of 2 parts"),
        (link_to_itself, "in a circle"),
        (dangling, "leads nowhere"),
        (pipe, "named pipe"),
        (listening, "socket"),
        (folder, "a folder"),
        (lambda path: path.unlink(), "missing"),
    ],
)
def test_what_is_wrong_is_named(file: Path, damage: Callable[[Path], None], complaint: str) -> None:
    damage(file)
    with pytest.raises(ModelLoadFailed, match=complaint) as caught:
        model_read(file)
    assert "model.gguf" in str(caught.value)


def test_a_missing_part_is_named(tmp_path: Path) -> None:
    first = split_write(tmp_path, "big", 3)
    second = tmp_path / "big-00002-of-00003.gguf"
    content = second.read_bytes()
    second.unlink()
    with pytest.raises(ModelLoadFailed, match=r"lacks 1 of its 3 parts: big-00002-of-00003\.gguf"):
        model_read(first)
    second.write_bytes(content[:-20])  # behind the data there is padding
    with pytest.raises(ModelLoadFailed, match=r"big-00002-of-00003\.gguf is cut short"):
        model_read(first)
    with pytest.raises(ModelLoadFailed, match="part 2 of 3"):
        model_read(second)


def test_a_pipe_is_not_waited_for(file: Path) -> None:
    pipe(file)
    said: list[str] = []

    def read() -> None:
        try:
            model_read(file)
        except ModelLoadFailed as error:
            said.append(str(error))

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    thread.join(5)
    assert said


def test_a_lying_file_takes_no_memory(file: Path) -> None:
    """Sparse: a terabyte long, so that its numbers seem to be possible."""
    claim = key("k", 9, struct.pack("<IQ", 8, 2**26)) + struct.pack("<Q", 2**39)
    file.write_bytes(header(keys=1) + claim)
    os.truncate(file, 2**40)
    tracemalloc.start()
    with pytest.raises(ModelLoadFailed, match="longer than"):
        model_read(file)
    assert tracemalloc.get_traced_memory()[1] < 2**24
    tracemalloc.stop()


unhurried = settings(
    max_examples=400,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def tolerant(path: Path, content: bytes) -> None:
    """A file is read, or refused with a reason; anything else is a mistake of ours."""
    path.write_bytes(content)
    with contextlib.suppress(ModelLoadFailed):
        assert model_read(path).parameters >= 0


@unhurried
@given(length=st.integers(0, len(WHOLE)))
def test_cut_anywhere(file: Path, length: int) -> None:
    tolerant(file, WHOLE[:length])


@unhurried
@given(
    flips=st.lists(
        st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(1, 255)), min_size=1, max_size=8
    )
)
def test_bytes_flipped_anywhere(file: Path, flips: list[tuple[int, int]]) -> None:
    content = bytearray(WHOLE)
    for place, mask in flips:
        content[place] ^= mask
    tolerant(file, bytes(content))


@unhurried
@given(tail=st.binary(max_size=300), version=st.sampled_from([2, 3]))
def test_any_bytes_after_the_magic(file: Path, tail: bytes, version: int) -> None:
    tolerant(file, b"GGUF" + struct.pack("<I", version) + tail)
