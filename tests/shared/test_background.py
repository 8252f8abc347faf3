"""Background tasks: supervision, and ending them."""

import asyncio
import itertools

import structlog
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from shared.background import TaskSupervisor, end_tasks


async def test_a_loop_that_fails_is_logged_counted_and_restarted_after_pauses_that_double():
    registry = CollectorRegistry()
    pause = 0.01
    began = []

    async def failing():
        began.append(asyncio.get_running_loop().time())
        assert registry.get_sample_value("sallyport_background_task_running", {"task": "failing"}) == 1
        if len(began) < 4:
            raise RuntimeError("unexpected")

    with capture_logs() as entries:
        await TaskSupervisor(registry, structlog.get_logger(), first_pause_seconds=pause).start("failing", failing)
    gaps = [after - before for before, after in itertools.pairwise(began)]
    assert all(gap >= wanted for gap, wanted in zip(gaps, (pause, 2 * pause, 4 * pause), strict=True))
    assert registry.get_sample_value("sallyport_background_task_failures_total", {"task": "failing"}) == 3
    assert registry.get_sample_value("sallyport_background_task_running", {"task": "failing"}) == 0
    assert [(e["event"], e["task"], e["restart_after_seconds"]) for e in entries] == [
        ("background_task_failed", "failing", wanted) for wanted in (pause, 2 * pause, 4 * pause)
    ]


async def test_a_loop_that_is_cancelled_is_not_restarted():
    registry = CollectorRegistry()
    supervisor = TaskSupervisor(registry, structlog.get_logger(), first_pause_seconds=0)

    async def wait() -> None:
        await asyncio.Event().wait()

    task = supervisor.start("waiting", wait)
    await asyncio.sleep(0)
    await end_tasks([task])
    assert task.cancelled()
    assert registry.get_sample_value("sallyport_background_task_failures_total", {"task": "waiting"}) == 0


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
