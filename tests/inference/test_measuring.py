"""`manage.py bench-model`: what it measures, what it advises, and that it leaves nothing behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from io import StringIO
from pathlib import Path

import psutil
import pytest
from django.core.management import CommandError, call_command

from inference import measuring, services
from inference.errors import ModelLoadFailed
from inference.library import embedded
from inference.loaded.registry import REGISTRY
from inference.measuring import Comparison, Measured, report
from inference.models import LanguageModel
from tests.server import ROOT, environment
from tests.waiting import eventually

EMBEDDED = embedded.MODEL
WAIT = 120.0


def measured(engine: str, speed: float, together: float = 50.0, first: float = 1.0) -> Measured:
    return Measured(engine, (), 2.0, 500, first, speed, together, 2**30)


def told(*results: Measured, engine: str = "llamacpp", failed: dict[str, str] | None = None) -> str:
    row = LanguageModel(name="mine", engine=engine)
    return report(Comparison(row, results, failed or {}))


# --- Advice --------------------------------------------------------------------------------------


def test_the_faster_one_is_advised_and_how_to_choose_it() -> None:
    text = told(measured("llamacpp", 20, together=80), measured("mlx", 40, together=60))
    assert "takes 6.0 s on MLX and 11.0 s on llama.cpp: take MLX." in text
    assert "serve --model mine --engine mlx" in text
    assert 'POST /api/models/mine/engine and {"engine": "mlx"}' in text
    assert "For many answers at once, as in batch work, llama.cpp is the faster one." in text
    line = next(line for line in text.splitlines() if "one answer" in line)
    assert line.split()[-3:] == ["20.0", "40.0", "0.50"]


def test_what_runs_already_need_not_be_chosen() -> None:
    text = told(measured("llamacpp", 40), measured("mlx", 20))
    assert "mine runs on llama.cpp already." in text
    assert "--engine" not in text


def test_a_prompt_that_is_read_slowly_counts() -> None:
    assert "take llama.cpp" in told(measured("llamacpp", 20), measured("mlx", 40, first=60))


def test_those_that_are_alike_need_no_change() -> None:
    text = told(measured("llamacpp", 20), measured("mlx", 20.2))
    assert "they are alike, and nothing needs to be changed" in text


def test_one_that_fails_is_told_beside_the_other() -> None:
    text = told(measured("mlx", 20), failed={"llamacpp": "No room."})
    assert "llama.cpp was not measured: No room." in text
    assert "MLX is the only engine that was measured" in text


# --- Measuring -----------------------------------------------------------------------------------


def bench(*args: str) -> tuple[str, str]:
    out, err = StringIO(), StringIO()
    call_command("bench-model", *args, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


@pytest.mark.parametrize(
    ("args", "complaint"),
    [
        (("no-such-model",), "There is no model 'no-such-model'"),
        (("mlx-community/Llama-3.2-3B-Instruct-4bit",), "hub cannot be reached"),
        ((EMBEDDED, "--tokens", "1"), "is not a number from 2 on"),
        ((EMBEDDED, "--engines", "cuda"), "invalid choice: 'cuda'"),
        (("far",), "far runs on another server"),
    ],
)
def test_what_cannot_be_measured_is_refused(
    db: None, args: tuple[str, ...], complaint: str
) -> None:
    LanguageModel.objects.create(name="far", engine="openai", source="remote")
    with pytest.raises(CommandError, match=complaint):
        bench(*args)


def test_it_goes_on_with_the_other_engine(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def measure(row: LanguageModel, engine: str, *_: object) -> Measured:
        if engine == "mlx":
            raise ModelLoadFailed("It broke.")
        return measured(engine, 33.33)

    monkeypatch.setattr(measuring, "_measure", measure)
    out, _ = bench(EMBEDDED)
    assert "MLX was not measured: It broke." in out
    assert services.model_resolve(EMBEDDED).speeds == {"llamacpp": 33.3}
    with pytest.raises(CommandError, match="MLX was not measured: It broke"):
        bench(EMBEDDED, "--engines", "mlx")


@pytest.mark.model
def test_the_embedded_model_is_measured_on_both(
    registry: None, embedded_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measuring, "ROUNDS", 1)
    monkeypatch.setattr(measuring, "SENTENCES", 4)
    before = services.model_resolve(EMBEDDED)
    out, err = bench(EMBEDDED, "--tokens", "4")
    lines = {line.split("  ")[0]: line for line in out.splitlines()}
    assert re.search(r"(MLX / llama\.cpp|llama\.cpp / MLX)$", out.splitlines()[0])
    for title in ("Loading", "Tokens/s of one answer", "Tokens/s of 8 answers at once", "Memory"):
        figures = [float(text) for text in re.findall(r"\d+\.\d+", lines[title])]
        assert len(figures) == 3
        assert all(figure > 0 for figure in figures[:2])
    assert re.search(r"First token of a prompt of \d\d tokens", out)
    assert "An answer of 200 tokens to that prompt takes" in out
    assert "8 answers at once, 1 of 1" in err
    row = LanguageModel.objects.get(name=EMBEDDED)
    assert set(row.speeds) == {"mlx", "llamacpp"}
    assert (row.engine, row.engine_is_chosen) == (before.engine, False), "it is only measured"
    assert not REGISTRY.loaded()
    assert not [p for p in psutil.Process().children() if "inference.worker" in p.cmdline()]


@pytest.mark.model
@pytest.mark.live
def test_ctrl_c_ends_it_and_its_worker(tmp_path: Path) -> None:
    env = environment(tmp_path, {"DEFAULT_MODEL": EMBEDDED})
    command = [sys.executable, "manage.py", "bench-model", EMBEDDED, "--engines", "llamacpp"]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # As in a terminal: what is started in the background ignores the signal.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    try:
        for line in process.stderr or ():
            if "one answer, 1 of 3" in line:
                break
        workers = psutil.Process(process.pid).children(recursive=True)
        assert workers
        os.kill(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=WAIT)
    finally:
        process.kill()
    assert process.returncode == 130
    assert err.rstrip().endswith("Stopped.")
    assert "Traceback" not in err
    assert not out
    eventually(lambda: not any(worker.is_running() for worker in workers))
