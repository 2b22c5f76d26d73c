"""Jobs in real processes: results, progress, the ways a job can end, and what is left afterwards."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from geta_engine.child_process.child import ChildError
from geta_engine.child_process.pool import ChildPool, Job
from geta_engine.child_process.serve import NICENESS
from tests.coroutines import run_to_end

Make = Callable[..., ChildPool]
Until = Callable[[Callable[[], bool]], None]
Gone = Callable[[int], bool]


def reason(job: Job) -> str:
    """Why a job ended without a result."""
    error = job.future.exception(60)
    assert isinstance(error, ChildError)
    return error.reason


def process_of(job: Job, until: Until) -> int:
    """The process that a hanging job tells of: its child, or what that started."""
    until(lambda: job.progress is not None)
    assert job.progress
    return int(job.progress["text"])


def test_a_result_comes_with_its_progress_whatever_libraries_print(make_pool: Make) -> None:
    job = make_pool().submit({"parts": 3, "text": "ü"})
    assert job.future.result(60)["text"] == "ü"
    assert job.progress == {"text": "at work", "done": 3, "total": 3}


@pytest.mark.parametrize(
    ("request_", "wanted", "words"),
    [
        ({"do": "refuse"}, "refused", "this cannot be used: give another"),
        ({"do": "fail"}, "internal", "an internal error (KeyError)"),
        ({"do": "run out of memory"}, "memory", "it needs more memory than it may use"),
        ({"do": "end"}, "ended", "its process ended without a word"),
    ],
)
def test_a_bad_end_has_a_reason_and_a_sentence(
    make_pool: Make, request_: dict[str, str], wanted: str, words: str
) -> None:
    job = make_pool(memory_gb=4).submit(request_)
    assert reason(job) == wanted
    assert str(job.future.exception()) == words


def test_what_takes_too_long_is_ended_with_all_it_started(make_pool: Make, until: Until, is_gone: Gone) -> None:
    job = make_pool(seconds=2).submit({"do": "start another and hang"})
    assert reason(job) == "time"
    assert job.progress
    until(lambda: is_gone(int(job.progress["text"])))


def test_what_is_cancelled_is_ended_with_all_it_started(make_pool: Make, until: Until, is_gone: Gone) -> None:
    job = make_pool().submit({"do": "start another and hang"})
    started = process_of(job, until)
    job.cancel()
    assert reason(job) == "cancelled"
    until(lambda: is_gone(started))


def test_a_job_that_waits_can_be_cancelled_and_one_that_ended_stays(make_pool: Make, until: Until) -> None:
    pool = make_pool()
    first, second, third = (pool.submit(request) for request in ({"do": "hang"}, {}, {}))
    process_of(first, until)
    second.cancel()
    first.cancel()
    assert (reason(first), reason(second)) == ("cancelled", "cancelled")
    assert not second.started
    result = third.future.result(60)
    third.cancel()
    assert third.future.result() is result


CANCEL_AT_ONCE = """
from geta_engine.child_process.pool import ChildPool
pool = ChildPool("obliging_child", 2, seconds=60, reuse=True)
for _ in range(20):
    job = pool.submit({})
    job.cancel()
    try:
        job.future.result()
    except Exception:
        pass
    job = pool.submit({"do": "hang"})
    while not job.started:
        pass
    job.cancel()
pool.close()
print("alive")
"""


def test_cancelling_at_once_never_ends_the_caller() -> None:
    """The caller leads a process group of its own: ending group 0 would end it, and not the tests."""
    ended = subprocess.run(
        [sys.executable, "-c", CANCEL_AT_ONCE], capture_output=True, text=True, start_new_session=True, timeout=120
    )
    assert (ended.returncode, ended.stdout) == (0, "alive\n"), ended.stderr


def test_a_child_does_one_job_after_another_until_one_is_cancelled(make_pool: Make, until: Until) -> None:
    pool = make_pool(reuse=True)
    first, second = (pool.submit({}).future.result(60)["pid"] for _ in range(2))
    assert first == second
    hanging = pool.submit({"do": "hang"})
    process_of(hanging, until)
    hanging.cancel()
    assert pool.submit({}).future.result(60)["pid"] != first


def test_a_child_leaves_its_caller_the_core_that_both_want(make_pool: Make) -> None:
    assert make_pool().submit({}).future.result(60)["niceness"] == min(19, os.nice(0) + NICENESS)


def test_without_reuse_each_job_has_a_child_of_its_own(make_pool: Make, until: Until, is_gone: Gone) -> None:
    pool = make_pool()
    first, second = (pool.submit({}).future.result(60)["pid"] for _ in range(2))
    assert first != second
    until(lambda: is_gone(first) and is_gone(second))


def test_a_child_that_died_while_idle_is_replaced(make_pool: Make, until: Until, is_gone: Gone) -> None:
    pool = make_pool(reuse=True)
    pid = pool.submit({}).future.result(60)["pid"]
    os.kill(pid, signal.SIGKILL)
    until(lambda: is_gone(pid))
    assert pool.submit({}).future.result(60)["pid"] != pid


def test_the_log_holds_what_was_printed(make_pool: Make, tmp_path: Path) -> None:
    job = make_pool().submit({"do": "fail", "parts": 1}, log=tmp_path / "log")
    assert reason(job) == "internal"
    text = (tmp_path / "log").read_text()
    assert "a library prints" in text and "a secret of the code" in text


def test_closing_ends_everything(make_pool: Make, until: Until, is_gone: Gone) -> None:
    pool = make_pool(size=2, reuse=True)
    idle = pool.submit({}).future.result(60)["pid"]
    running, other = pool.submit({"do": "hang"}), pool.submit({"do": "hang"})
    waiting = pool.submit({})
    started = [process_of(running, until), process_of(other, until), idle]
    pool.close()
    assert [reason(job) for job in (running, other, waiting)] == ["cancelled"] * 3
    until(lambda: all(map(is_gone, started)))


def test_a_waiter_that_gives_up_leaves_the_job_to_others(make_pool: Make) -> None:
    pool = make_pool()

    async def wait_and_give_up(job: Job) -> Any:
        waiter = asyncio.ensure_future(asyncio.wrap_future(job.future))
        await asyncio.sleep(0)
        waiter.cancel()
        return await asyncio.wrap_future(job.future)

    assert run_to_end(wait_and_give_up(pool.submit({"text": "still there"})))["text"] == "still there"


OUTLIVED = """
from geta_engine.child_process.pool import ChildPool
pool = ChildPool("obliging_child", 2, seconds=60, reuse=True)
pool.warm()
job = pool.submit({"do": "hang"})
while job.progress is None:
    pass
print(job.progress["text"], pool.submit({}).future.result()["pid"], flush=True)
job.future.result()
"""


def test_no_child_outlives_a_caller_that_was_killed(until: Until, is_gone: Gone) -> None:
    command = [sys.executable, "-c", OUTLIVED]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as caller:
        assert caller.stdout is not None
        children = [int(pid) for pid in caller.stdout.readline().split()]
        caller.kill()
    until(lambda: all(map(is_gone, children)))
