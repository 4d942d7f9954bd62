"""The disk tier of the prompt cache: what is written is found again, or is not used at all."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
import pytest
from mlx_lm.models.cache import ArraysCache, CacheList, KVCache, RotatingKVCache

from inference.mlx_worker.cache.disk import DiskCache
from inference.mlx_worker.cache.file import Layers, file_read, storable
from inference.mlx_worker.cache.memory import MINIMUM, Miss, PromptCache
from inference.mlx_worker.cache.read_ahead import ReadAhead
from inference.types import BATCH
from inference.worker.prompt import Prompt

MEGABYTE = 1 << 20
Open = Callable[..., PromptCache]


def values(length: int, dtype: mx.Dtype = mx.float32) -> mx.array:
    """Keys that tell their positions."""
    positions = mx.arange(length, dtype=mx.float32).reshape(1, 1, length, 1)
    return mx.broadcast_to(positions, (1, 2, length, 4)).astype(dtype)


def plain(length: int, dtype: mx.Dtype = mx.float32) -> Layers:
    layers = [KVCache(), KVCache()]
    for layer in layers:
        layer.update_and_fetch(values(length, dtype), values(length, dtype) + 0.5)
    return layers


def rotating(length: int) -> Layers:
    layer = RotatingKVCache(max_size=8)
    layer.update_and_fetch(values(length), values(length))
    return [layer]


def hybrid(length: int) -> Layers:
    """As models have it that mix attention with a recurrent state."""
    recurrent = ArraysCache(2)
    recurrent[0] = mx.full((1, 4), length, mx.bfloat16)
    return [recurrent, CacheList(*plain(length)[:1], ArraysCache(1))]


@pytest.fixture
def cache_open(tmp_path: Path) -> Iterator[Open]:
    """`cache_open()` is a prompt cache in a process that has just started; the one before has
    written all it was given and ended."""
    opened: list[PromptCache] = []

    def make(
        max_bytes: int = MEGABYTE, fingerprint: str = "a model", memory: int = MEGABYTE
    ) -> PromptCache:
        for former in opened:
            former.close(timeout=10)
        disk = DiskCache(tmp_path, fingerprint, max_bytes, is_busy=lambda: False)
        opened.append(PromptCache(memory, disk))
        return opened[-1]

    yield make
    for cache in opened:
        cache.close(timeout=10)


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def same(left: Layers, right: Layers) -> bool:
    """The same classes with equal states."""
    return [type(layer) for layer in left] == [type(layer) for layer in right] and all(
        _same_state(one.state, other.state) for one, other in zip(left, right, strict=True)
    )


def _same_state(one: object, other: object) -> bool:
    if isinstance(one, mx.array) and isinstance(other, mx.array):
        return one.dtype == other.dtype and bool(mx.array_equal(one, other))
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return all(_same_state(*pair) for pair in zip(one, other, strict=True))
    return one == other


def trimmed(layers: Layers, length: int) -> Layers:
    return [
        KVCache.from_state((layer.keys[:, :, :length], layer.values[:, :, :length], length))
        for layer in layers
    ]


@pytest.mark.parametrize("dtype", [mx.float32, mx.float16, mx.bfloat16])
def test_what_was_stored_is_there_after_a_restart(cache_open: Open, dtype: mx.Dtype) -> None:
    cache_open().insert(list(range(40)), plain(40, dtype))
    layers, length, miss = cache_open().fetch(list(range(50)))
    assert (length, miss) == (40, None)
    assert layers is not None
    assert same(layers, trimmed(plain(40, dtype), 40))


def test_a_beginning_of_it_is_of_use_too(cache_open: Open) -> None:
    cache_open().insert(list(range(40)), plain(40))
    layers, length, _ = cache_open().fetch([*range(30), 99, 98])
    assert length == 30
    assert layers is not None
    assert same(layers, trimmed(plain(40), 30))


def test_a_turn_writes_only_what_it_added(cache_open: Open, tmp_path: Path) -> None:
    lengths = (100, 120, 150)
    for length in lengths:
        cache_open().insert(list(range(length)), plain(length))
    cache = cache_open()
    headers = sorted((file_read(path)[0] for path in files(tmp_path)), key=lambda h: h.start)
    assert [(header.start, len(header.tokens)) for header in headers] == [
        (0, 100),
        (100, 20),
        (120, 30),
    ]
    layers, length, _ = cache.fetch(list(range(151)))
    assert length == 150
    assert layers is not None
    assert same(layers, trimmed(plain(150), 150))


def test_a_changed_turn_shares_what_comes_before_it(cache_open: Open, tmp_path: Path) -> None:
    cache_open().insert(list(range(100)), plain(100))
    cache_open().insert([*range(80), *range(500, 540)], plain(120))
    cache_open()
    assert sorted(file_read(path)[0].start for path in files(tmp_path)) == [0, 80]
    assert cache_open().fetch(list(range(101))).length == 100
    layers, length, _ = cache_open().fetch([*range(80), *range(500, 541)])
    assert length == 120
    assert layers is not None
    assert same(layers, trimmed(plain(120), 120))


def test_a_miss_tells_the_same_of_the_disk_and_of_what_was_read_from_it(cache_open: Open) -> None:
    cache_open().insert(list(range(100)), plain(100), owner="me")
    cache = cache_open()
    edited = [*range(80), 500, 501]
    for _ in range(2):
        assert cache.fetch(edited, "me").miss == Miss(80, [500, 501], list(range(80, 88)))
    assert cache.fetch(edited, "somebody").miss == Miss(80, [500, 501], None)
    assert cache.fetch(list(range(110)), "me").miss is None


def test_little_in_common_is_not_worth_a_parent(cache_open: Open, tmp_path: Path) -> None:
    cache_open().insert(list(range(100)), plain(100))
    cache_open().insert([*range(30), *range(500, 540)], plain(70))
    cache_open()
    assert [file_read(path)[0].start for path in files(tmp_path)] == [0, 0]


@pytest.mark.parametrize("make", [rotating, hybrid])
def test_caches_that_cannot_be_cut_are_stored_and_found_whole(
    cache_open: Open, make: Callable[[int], Layers]
) -> None:
    cache_open().insert(list(range(40)), make(40))
    cache_open().insert(list(range(60)), make(60))
    cache = cache_open()
    layers, length, _ = cache.fetch(list(range(50)))
    assert length == 40
    assert layers is not None
    assert same(layers, make(40))
    assert cache.fetch(list(range(70))).length == 60
    refused = cache.fetch([*range(30), 99])
    assert refused.length == 0
    assert refused.miss is not None
    assert refused.miss.cannot_cut


def test_a_window_that_is_not_full_replaces_its_beginnings(
    cache_open: Open, tmp_path: Path
) -> None:
    def window(length: int) -> Layers:
        layer = RotatingKVCache(max_size=512)
        layer.update_and_fetch(values(length), values(length))
        return [layer]

    cache_open().insert(list(range(40)), window(40))
    cache_open().insert(list(range(60)), window(60))
    cache = cache_open()
    assert len(files(tmp_path)) == 1
    layers, length, _ = cache.fetch([*range(50), 99])
    assert length == 50
    assert layers is not None
    assert layers[0].offset == 50


def flip(path: Path, offset: int) -> None:
    data = bytearray(path.read_bytes())
    data[offset] ^= 1
    path.write_bytes(data)


def header_end(path: Path) -> int:
    return 8 + int.from_bytes(path.read_bytes()[:8], "little")


def in_the_keys(path: Path) -> None:
    flip(path, -1)


def in_the_tokens(path: Path) -> None:
    flip(path, path.read_bytes().index(b"[0,1,2") + 5)


def in_the_header(path: Path) -> None:
    flip(path, 8)


def cut_off(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 100)


def within_the_header(path: Path) -> None:
    os.truncate(path, 20)


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def foreign(path: Path) -> None:
    path.write_bytes(b"\xff" * 4096)


@pytest.mark.parametrize(
    "damage",
    [in_the_keys, in_the_tokens, in_the_header, cut_off, within_the_header, emptied, foreign],
)
def test_a_damaged_file_is_never_used_and_removed_with_a_word(
    cache_open: Open,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    damage: Callable[[Path], None],
) -> None:
    cache_open().insert(list(range(40)), plain(40))
    cache_open()
    (path,) = files(tmp_path)
    damage(path)
    cache = cache_open()
    # A token that was changed in the header can only be noticed when the rest is asked for.
    assert cache.fetch([0, 1, 3, *range(3, 50)]).length == 0
    assert cache.fetch(list(range(50))).length == 0
    assert files(tmp_path) == []
    (line,) = [record.getMessage() for record in caplog.records]
    assert path.name in line
    assert "is removed" in line


def test_no_flipped_bit_is_overlooked(cache_open: Open, tmp_path: Path) -> None:
    cache_open().insert(list(range(20)), plain(20))
    cache_open()
    (path,) = files(tmp_path)
    data = path.read_bytes()
    for offset in range(0, len(data), 7):
        path.write_bytes(data)
        flip(path, offset)
        disk = DiskCache(tmp_path, "a model", MEGABYTE, is_busy=lambda: False)
        for record in disk.index:
            assert disk.load(np.append(record.tokens, 0), more_than=0) == (None, True)
        disk.close(timeout=10)
        assert files(tmp_path) == []


def test_a_damaged_slice_leaves_what_comes_before_it(
    cache_open: Open, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for length in (100, 120, 150):
        cache_open().insert(list(range(length)), plain(length))
    cache_open()
    (middle,) = [path for path in files(tmp_path) if file_read(path)[0].start == 100]
    flip(middle, -1)
    found = cache_open().fetch(list(range(160)))
    assert found.length == 100
    assert found.miss is not None
    assert found.miss.damaged
    assert [file_read(path)[0].start for path in files(tmp_path)] == [0]
    assert middle.name in caplog.text


def test_what_an_interrupted_write_left_is_removed(
    cache_open: Open, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "a model"
    folder.mkdir()
    dead = folder / ".4194999-0.tmp"  # beyond the highest process id there can be
    dead.write_bytes(b"half")
    living = folder / f".{os.getppid()}-0.tmp"
    living.write_bytes(b"of another process")
    cache_open()
    assert files(tmp_path) == [living]
    assert dead.name in caplog.text


def test_models_do_not_share(cache_open: Open, tmp_path: Path) -> None:
    cache_open().insert(list(range(40)), plain(40))
    other = cache_open(fingerprint="another model")
    assert other.fetch(list(range(50))).length == 0
    (path,) = files(tmp_path)
    path.rename(tmp_path / "another model" / path.name)
    assert cache_open(fingerprint="another model").fetch(list(range(50))).length == 0
    assert files(tmp_path) == []


def test_the_least_recently_used_go_over_all_models(cache_open: Open, tmp_path: Path) -> None:
    cache_open(fingerprint="another model").insert(list(range(40)), plain(40))
    for first in (100, 200, 300):
        cache_open().insert([first, *range(39)], plain(40))
    cache_open()
    one = max(path.stat().st_size for path in files(tmp_path))
    assert cache_open().fetch([100, *range(40)]).length == 40
    cache = cache_open(max_bytes=2 * one)
    assert files(tmp_path / "another model") == []
    assert [cache.fetch([first, *range(40)]).length for first in (100, 200, 300)] == [40, 0, 40]


def test_a_beginning_is_never_evicted_before_what_goes_on_from_it(
    cache_open: Open, tmp_path: Path
) -> None:
    for length in (100, 120, 150):
        cache_open().insert(list(range(length)), plain(length))
    cache_open()
    total = sum(path.stat().st_size for path in files(tmp_path))
    assert cache_open(max_bytes=total - 1).fetch(list(range(160))).length == 120


def test_what_is_stored_already_is_not_written_again(cache_open: Open, tmp_path: Path) -> None:
    for _ in range(2):
        cache_open().insert(list(range(40)), plain(40))
    cache_open().insert(list(range(30)), plain(30))
    cache_open()
    assert len(files(tmp_path)) == 1


def test_batch_work_is_kept_in_memory_only(cache_open: Open, tmp_path: Path) -> None:
    cache = cache_open()
    cache.insert(list(range(40)), plain(40), priority=BATCH)
    assert cache.fetch(list(range(50))).length == 40
    cache_open()
    assert files(tmp_path) == []


def test_memory_is_asked_first(cache_open: Open, tmp_path: Path) -> None:
    cache_open().insert(list(range(40)), plain(40))
    cache = cache_open()
    assert cache.fetch(list(range(50))).length == 40
    (path,) = files(tmp_path)
    path.unlink()
    assert cache.fetch(list(range(50))).length == 40


def test_what_memory_has_no_room_for_is_read_again(cache_open: Open) -> None:
    cache_open().insert(list(range(40)), plain(40))
    cache = cache_open(memory=1)
    assert [cache.fetch(list(range(50))).length for _ in range(2)] == [40, 40]


def test_a_disk_that_refuses_is_logged_once_and_costs_nothing_else(
    cache_open: Open, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cache = cache_open()
    (tmp_path / "a model").rmdir()
    (tmp_path / "a model").write_text("in the way")
    cache.insert(list(range(40)), plain(40))
    cache.close(timeout=10)
    cache.insert(list(range(100, 140)), plain(40))
    assert cache.fetch(list(range(50))).length == 40
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "cannot be written" in caplog.text


class Waiting:
    """As much of a sequence as reading ahead needs."""

    def __init__(self, length: int) -> None:
        self.prompt = Prompt(list(range(length)))


def ready(ahead: ReadAhead) -> list[Any]:
    """What an idle engine gets, when there is something."""
    for _ in range(200):
        if found := ahead.ready(is_idle=True):
            return found
    raise AssertionError("nothing became ready")


def test_what_is_read_ahead_is_in_memory_before_its_turn(cache_open: Open, tmp_path: Path) -> None:
    cache_open().insert(list(range(40)), plain(40, mx.bfloat16))
    cache = cache_open()
    ahead: Any = ReadAhead(cache)
    one, other, unknown = Waiting(50), Waiting(50), Waiting(10)
    assert [ahead.begin(each) for each in (one, other, unknown)] == [True, True, False]
    assert list(ahead) == [one, other]
    assert ahead.remove(other)
    assert not ahead.remove(unknown)
    assert ready(ahead) == [one]
    assert len(ahead) == 0
    files(tmp_path)[0].unlink()
    layers, length, _ = cache.fetch(list(range(50)))
    assert length == 40
    assert layers is not None
    assert same(layers, trimmed(plain(40, mx.bfloat16), 40))
    assert not ahead.begin(one)


def test_a_damaged_file_that_is_read_ahead_is_dealt_with_in_its_turn(
    cache_open: Open, tmp_path: Path
) -> None:
    cache_open().insert(list(range(40)), plain(40))
    cache = cache_open()
    flip(files(tmp_path)[0], -1)
    ahead: Any = ReadAhead(cache)
    one = Waiting(50)
    assert ahead.begin(one)
    assert ready(ahead) == [one]
    found = cache.fetch(list(range(50)))
    assert found.length == 0
    assert found.miss is not None
    assert found.miss.damaged
    assert files(tmp_path) == []


def test_kinds_of_caches_that_mlx_lm_does_not_know_are_not_storable() -> None:
    class Own(KVCache):
        pass

    assert storable([*plain(1), *rotating(1), *hybrid(1)])
    assert not storable([*plain(1), Own()])


def test_others_may_not_look_into_the_folder(cache_open: Open, tmp_path: Path) -> None:
    cache_open()
    assert (tmp_path / "a model").stat().st_mode & 0o777 == 0o700


def test_short_prompts_are_not_stored(cache_open: Open, tmp_path: Path) -> None:
    cache_open().insert(list(range(MINIMUM - 1)), plain(MINIMUM - 1))
    cache_open()
    assert files(tmp_path) == []


def test_files_are_plain_safetensors(cache_open: Open, tmp_path: Path) -> None:
    cache_open().insert(list(range(40)), plain(40))
    cache_open()
    (path,) = files(tmp_path)
    arrays: Any = mx.load(str(path))
    assert np.array(arrays["1"])[0, 0, :, 0].tolist() == [n + 0.5 for n in range(40)]
