"""Computing for a drawing beside the event loop, one after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
_ONE_THREAD = ThreadPoolExecutor(1, thread_name_prefix="drawing")


async def in_turn(compute: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What `compute` returns, computed in a thread that all drawings share.

    Python computes in one thread at a time: more of them would make none faster, and the event loop, which answers
    everything else, would wait for each in turn.
    """
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(_ONE_THREAD, lambda: compute(*args, **kwargs))
