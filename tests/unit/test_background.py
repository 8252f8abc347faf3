"""Ending background tasks."""

import asyncio

from shared.background import end_tasks


async def test_a_task_that_forgets_its_first_cancellation_is_ended_all_the_same():
    started = asyncio.Event()
    forgotten = 0

    async def forgetful():
        nonlocal forgotten
        while True:
            try:
                started.set()
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                forgotten += 1
                if forgotten > 1:
                    raise

    task = asyncio.create_task(forgetful())
    await started.wait()
    await end_tasks([task])
    assert task.cancelled()
    assert forgotten == 2


async def test_a_task_that_had_ended_already_or_fails_at_the_end_is_no_trouble():
    async def done():
        pass

    async def failing():
        try:
            await asyncio.Event().wait()
        finally:
            raise ValueError

    tasks = [asyncio.create_task(done()), asyncio.create_task(failing())]
    await asyncio.sleep(0)
    await end_tasks(tasks)
    assert [task.done() for task in tasks] == [True, True]
    assert isinstance(tasks[1].exception(), ValueError)
