"""Several answers at once, for requests that ask for more than one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence

from chat.api.answers import AnswerStream
from common.bridge import AHEAD
from inference.types import Completion, Delta

Item = tuple[int, Delta | Exception | None]


async def completions(answers: Sequence[AnswerStream]) -> list[Completion]:
    """All answers, once all stand. The first error cancels the others."""
    tasks = [asyncio.create_task(answer.completion()) for answer in answers]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()


async def merged(answers: Sequence[AnswerStream]) -> AsyncGenerator[tuple[int, Delta]]:
    """Yield the deltas of all answers as they come, each with its answer's number.

    The first error ends all of them.
    """
    queue: asyncio.Queue[Item] = asyncio.Queue(AHEAD)  # a slow reader holds all of them
    tasks = [asyncio.create_task(_feed(queue, *pair)) for pair in enumerate(answers)]
    left = len(tasks)
    try:
        while left:
            index, item = await queue.get()
            if isinstance(item, Exception):
                raise item
            if item is None:
                left -= 1
            else:
                yield index, item
    finally:
        for task in tasks:
            task.cancel()


async def _feed(queue: asyncio.Queue[Item], index: int, answer: AnswerStream) -> None:
    try:
        async for delta in answer:
            await queue.put((index, delta))
    except Exception as error:  # noqa: BLE001  it is raised again by whoever reads
        await queue.put((index, error))
    else:
        await queue.put((index, None))
