"""Wake-ups reach readers at once: across threads, and with Redis across processes."""

import asyncio
import os
import subprocess
import sys
import textwrap
import threading
import uuid
from pathlib import Path

import pytest
import redis

from agents.log import wakeups

ROOT = Path(__file__).resolve().parents[3]
REDIS_URL = os.environ.get("TEST_REDIS_URL", "redis://127.0.0.1:6379/0")


async def rings(notifier, seconds=5.0):
    """Whether the notifier rings before the time is over."""
    before = asyncio.get_running_loop().time()
    await notifier.wait(seconds)
    return asyncio.get_running_loop().time() - before < seconds


async def test_a_thread_wakes_a_reader():
    run_id = uuid.uuid4()
    async with wakeups.listen(run_id) as notifier:
        assert await rings(notifier)  # the subscription stands
        threading.Thread(target=wakeups.wake, args=(run_id,)).start()
        assert await rings(notifier)
        threading.Thread(target=wakeups.wake, args=(uuid.uuid4(),)).start()
        assert not await rings(notifier, 0.2)


async def test_a_thousand_wake_ups_for_a_reader_that_does_not_look_are_one():
    run_id = uuid.uuid4()
    async with wakeups.listen(run_id) as notifier:
        assert await rings(notifier)
        threads = [
            threading.Thread(target=lambda: [wakeups.wake(run_id) for _ in range(125)])
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        await asyncio.sleep(0.5)
        assert await rings(notifier)
        assert not await rings(notifier, 0.2)


def test_nobody_listening_is_no_trouble():
    wakeups.wake(uuid.uuid4())


def test_a_reader_whose_loop_is_gone_is_no_trouble():
    loop = asyncio.new_event_loop()
    loop.close()
    wakeups._listening[loop] += 1
    try:
        wakeups.wake(uuid.uuid4())
    finally:
        del wakeups._listening[loop]


# --- Redis ---------------------------------------------------------------------------------------


@pytest.fixture
def redis_url():
    try:
        redis.Redis.from_url(REDIS_URL, socket_connect_timeout=1).ping()
    except redis.RedisError as error:
        pytest.skip(f"no Redis at {REDIS_URL}: {error}")
    return REDIS_URL


LISTEN = """
import asyncio, sys, uuid, django
django.setup()
from agents.log import wakeups

async def main():
    async with wakeups.listen(uuid.UUID(sys.argv[1])) as notifier:
        await notifier.wait(20)
        print("listening", flush=True)
        for number in range(3):
            before = asyncio.get_running_loop().time()
            await notifier.wait(20)
            late = asyncio.get_running_loop().time() - before >= 20
            print("nothing" if late else "woken", flush=True)

asyncio.run(main())
"""
WAKE = """
import sys, time, uuid, django
django.setup()
from agents.log import wakeups
for number in range(3):
    wakeups.wake(uuid.UUID(sys.argv[1]))
    time.sleep(0.5)
"""


def process(program, run_id, redis_url, data_dir):
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "cortex_site.settings",
        "REDIS_URL": redis_url,
        "DATA_DIR": str(data_dir),
        "PYTHONPATH": str(ROOT),
    }
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program), str(run_id)],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.services
def test_with_redis_another_process_is_woken(redis_url, tmp_path):
    run_id = uuid.uuid4()
    listener = process(LISTEN, run_id, redis_url, tmp_path)
    try:
        assert listener.stdout.readline() == "listening\n"
        waker = process(WAKE, run_id, redis_url, tmp_path)
        assert [listener.stdout.readline() for _ in range(3)] == ["woken\n"] * 3
        assert waker.wait(20) == 0
        assert listener.wait(20) == 0
    finally:
        listener.kill()
        listener.wait()


def test_with_an_unreachable_redis_nothing_breaks(tmp_path):
    waker = process(WAKE, uuid.uuid4(), "redis://127.0.0.1:1/0", tmp_path)
    assert waker.wait(30) == 0
