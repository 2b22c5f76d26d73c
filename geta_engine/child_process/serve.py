"""The side of the child: a module that a `Child` runs ends in `serve(handle)`.

It reads a request a line on standard input and writes messages (`documents.child_process`) on standard output.
"""

from __future__ import annotations

import os
import queue
import sys
import threading
import traceback
from collections.abc import Callable
from typing import Any

import orjson

from geta_engine.child_process.child import Report
from geta_engine.documents.child_process import ChildMessage, FailureMessage
from geta_engine.errors import GetaError

NICENESS = 10


def serve(handle: Callable[[Any, Report], Any]) -> None:
    """Answer requests in a child, one after the other, until the caller closes the connection or is gone; then the
    process ends at once, whatever it is in the middle of. What libraries print goes to standard error.

    The caller answers people: where both want a core, it gets the core.
    """
    os.nice(NICENESS)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)

    def send(message: ChildMessage) -> None:
        answers.write(orjson.dumps(message, option=orjson.OPT_APPEND_NEWLINE))
        answers.flush()

    requests: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(requests,), daemon=True).start()
    while True:
        request = orjson.loads(requests.get())
        try:
            result = handle(request, lambda progress: send({"progress": progress}))
        except Exception as error:
            send(_failure(error))
        else:
            send({"result": result})


def _read(requests: queue.SimpleQueue[bytes]) -> None:
    for line in sys.stdin.buffer:
        requests.put(line)
    os._exit(0)


def _failure(error: Exception) -> FailureMessage:
    if isinstance(error, GetaError):
        return {"error": str(error), "reason": "refused"}
    traceback.print_exception(error)
    if _is_out_of_memory(error):
        return {"error": "it needs more memory than it may use", "reason": "memory"}
    return {"error": f"an internal error ({type(error).__name__})", "reason": "internal"}


def _is_out_of_memory(error: Exception) -> bool:
    """Python, torch and the loader of libraries each have their own way to say it."""
    said = str(error).lower()
    return isinstance(error, MemoryError) or "allocate memory" in said or "failed to map segment" in said
