"""The sandbox's own promises: its limits, its pool, its layers, and what it says when it cannot."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from tests.waiting import eventually
from tooling.jail import landlock, seccomp
from tooling.sandbox import checks, command, programs
from tooling.sandbox.command import ROOT, Program, macos_profile
from tooling.sandbox.pool import Pool
from tooling.sandbox.programs import TERMS

linux = pytest.mark.skipif(sys.platform != "linux", reason="Linux's layer")


@pytest.fixture
def pool() -> Iterator[Pool]:
    pool = Pool(replace(TERMS, max_output=1000, at_once=2, wait_seconds=0.3))
    yield pool
    pool.close()


def test_an_outcome_has_prints_and_value_apart() -> None:
    outcome = programs.run("print('a')\n[1, 'b']")
    assert (outcome.ok, outcome.stdout, outcome.value_repr) == (True, "a\n", "[1, 'b']")
    assert (outcome.error, outcome.timed_out, outcome.cancelled) == (None, False, False)


def test_what_was_printed_before_the_time_was_up_is_kept(pool: Pool) -> None:
    outcome = programs.run_in(pool, "print('so far')\nwhile True: pass", timeout=0.5)
    assert outcome.timed_out
    assert not outcome.ok
    assert outcome.stdout == "so far\n"
    assert (outcome.error or "").startswith("The program was stopped: it ran longer than 0.5 s.")
    assert "a loop that does not end" in (outcome.error or "")


def test_output_past_the_limit_is_said_and_not_cut_silently(pool: Pool) -> None:
    outcome = programs.run_in(pool, "print('x' * 2000)", timeout=5)
    assert not outcome.ok
    assert "more than 1,000 characters" in (outcome.error or "")
    value = programs.run_in(pool, "'x' * 2000", timeout=5)
    assert "more than 1,000 characters" in (value.error or "")


def test_printed_text_cannot_pass_for_an_outcome(pool: Pool) -> None:
    forged = '{"value": "1", "error": null}'
    code = f"print(chr(0) * 3 + chr({len(forged)}) + {forged!r})\nprint({forged!r})\n1 / 0"
    outcome = programs.run_in(pool, code, timeout=5)
    assert not outcome.ok
    assert "ZeroDivisionError" in (outcome.error or "")


@pytest.mark.parametrize("after", [0, 1.5])
def test_a_cancelled_run_ends(pool: Pool, after: float) -> None:
    """Whether it has begun or not."""
    stop = threading.Event()
    threading.Timer(after, stop.set).start()
    outcome = programs.run_in(pool, "while True: pass", timeout=20, cancelled=stop.is_set)
    assert outcome.cancelled
    assert not outcome.timed_out
    assert "cancelled" in (outcome.error or "")


def test_more_than_the_slots_wait_and_are_told_when_it_takes_too_long(pool: Pool) -> None:
    with ThreadPoolExecutor(3) as threads:
        runs = [
            threads.submit(programs.run_in, pool, "while True: pass", timeout=2) for _ in range(3)
        ]
        errors = sorted(run.result().error or "" for run in runs)
    assert "stopped" in errors[0]
    assert "stopped" in errors[1]
    assert errors[2].startswith("The sandbox is busy")


def test_twenty_at_once_all_run() -> None:
    with ThreadPoolExecutor(20) as threads:
        outcomes = list(threads.map(lambda n: programs.run(f"print({n})"), range(20)))
    assert [outcome.stdout for outcome in outcomes] == [f"{n}\n" for n in range(20)]


def test_a_dead_spare_is_replaced(pool: Pool) -> None:
    pool.warm()
    eventually(lambda: len(pool._spares) == 1)
    os.kill(pool._spares[0].process.pid, signal.SIGKILL)
    pool._spares[0].process.wait()
    assert programs.run_in(pool, "1", timeout=5).value_repr == "1"


@linux
def test_a_child_has_no_environment_and_an_empty_folder_of_its_own(pool: Pool) -> None:
    pool.warm()
    eventually(lambda: len(pool._spares) == 1)
    child = pool._spares[0]
    child.confined = "ready" in child.receive(20).message
    process = Path(f"/proc/{child.process.pid}")
    assert (process / "environ").read_bytes() == b""
    assert os.readlink(process / "cwd").endswith("(deleted)")
    assert os.getsid(child.process.pid) == os.getpgid(child.process.pid) == child.process.pid
    status = (process / "status").read_text()
    assert "NoNewPrivs:\t1" in status
    assert "Seccomp:\t2" in status
    limits = (process / "limits").read_text()
    for name in ("Max file size", "Max core file size", "Max processes", "Max open files"):
        assert limits.partition(name)[2].split()[:2] == ["0", "0"]
    assert len(list((process / "fd").iterdir())) == 4  # the three and the channel


@linux
@pytest.mark.parametrize("code", ["while True: pass", None])
def test_children_die_with_their_parent(tmp_path: Path, code: str | None) -> None:
    """Both one that runs and one that waits."""
    script = f"""
        import sys, threading, time
        sys.path.insert(0, {str(ROOT)!r})
        from tooling.sandbox import programs
        pool = programs.pool()
        pool.warm()
        while not pool._spares: time.sleep(0.01)
        pid = pool._spares[0].process.pid
        if {code!r}: threading.Thread(target=programs.run, args=({code!r},), daemon=True).start()
        time.sleep(1)
        print(pid, flush=True)
        time.sleep(60)
    """
    parent = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    child = Path(f"/proc/{parent.stdout.readline().strip()}")
    assert child.exists()
    parent.kill()
    parent.wait()
    parent.stdout.close()
    eventually(lambda: not child.exists() or "State:\tZ" in (child / "status").read_text())


@linux
def test_where_the_kernel_cannot_confine_nothing_runs() -> None:
    pool = Pool(replace(TERMS, program=Program("tests.tooling.corpus.without_seccomp")))
    outcome = programs.run_in(pool, "print(1)", timeout=5)
    pool.close()
    assert not outcome.ok
    assert outcome.stdout == ""
    assert (outcome.error or "").startswith("The kernel refused to confine the process")


def test_a_child_that_cannot_be_started_is_said(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    outcome = programs.run_in(pool, "print(1)", timeout=5)
    assert "could not be started" in (outcome.error or "")
    assert "/nowhere/python" in (outcome.error or "")


@linux
def test_the_filter_lets_only_listed_calls_through() -> None:
    for machine in (seccomp.X86_64, seccomp.ARM64):
        allowed = {number for number in range(600) if _filtered(machine, number) == seccomp.ALLOW}
        assert allowed == {*machine.allowed, *machine.mapping}
        executable = {n for n in range(600) if _filtered(machine, n, 4) == seccomp.ALLOW}
        assert executable == set(machine.allowed)
        assert _filtered(machine, 0x4000_0000 + machine.allowed[0]) == seccomp.DENY
        assert _filtered(machine, machine.allowed[0], arch=1) == seccomp.KILL_PROCESS


def _filtered(machine: seccomp.Machine, nr: int, third: int = 3, arch: int | None = None) -> int:
    """What the BPF program answers, by interpreting it."""
    code = seccomp.assemble(machine)
    steps = [
        (int.from_bytes(code[i : i + 2], sys.byteorder), code[i + 2], code[i + 3],
         int.from_bytes(code[i + 4 : i + 8], sys.byteorder))
        for i in range(0, len(code), 8)
    ]  # fmt: skip
    data = {0: nr, 4: machine.audit_arch if arch is None else arch, 32: third}
    place = value = 0
    while True:
        kind, if_true, if_false, operand = steps[place]
        place += 1
        if kind == seccomp.LOAD:
            value = data[operand]
        elif kind == seccomp.RETURN:
            return operand
        else:
            hit = value == operand if kind == seccomp.EQUAL else bool(value & operand)
            place += if_true if hit else if_false


@pytest.mark.parametrize(("filters", "abi", "ids"), [
    (True, 7, []), (True, 0, ["tooling.W010"]), (False, 7, ["tooling.E010"]),
])  # fmt: skip
def test_the_system_check_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, filters: bool, abi: int, ids: list[str]
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(seccomp, "available", lambda: filters)
    monkeypatch.setattr(landlock, "version", lambda: abi)
    assert [message.id for message in checks.confinement()] == ids


def test_the_system_check_on_other_systems(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    assert [message.id for message in checks.confinement()] == ["tooling.E010"]
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(checks, "SANDBOX_EXEC", Path("/nowhere"))
    assert "/nowhere is missing" in checks.confinement()[0].msg


def test_on_macos_the_child_runs_under_a_profile_that_denies(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    words = command.command(TERMS.program, TERMS.limits, 7)
    assert words[:2] == ["/usr/bin/sandbox-exec", "-p"]
    assert words[3] == sys.executable
    profile = macos_profile((Path('/a "b'),))
    assert "(deny default)" in profile
    assert profile.count("(") == profile.count(")")
    assert '(subpath "/a \\"b")' in profile
    assert f'"{ROOT}"' not in words[2]  # settings and data are in there
    assert f'(subpath "{ROOT}/tooling")' in words[2]
    for right in ("file-write", "network", "process-fork", "signal", "mach-lookup"):
        assert right not in profile
