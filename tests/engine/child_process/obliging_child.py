"""A child that does what it is asked: run by the tests as `python -m obliging_child`."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from typing import Any

from geta_engine.child_process.child import Report
from geta_engine.child_process.serve import serve
from geta_engine.errors import InputError

print('{"said": "while it was imported"}\nand more')


def oblige(request: dict[str, Any], report: Report) -> Any:
    for done in range(request.get("parts", 0)):
        print("a library prints", flush=True)
        report({"text": "at work", "done": done + 1, "total": request["parts"]})
    match request.get("do"):
        case "refuse":
            raise InputError("this cannot be used: give another")
        case "fail":
            raise KeyError("a secret of the code")
        case "run out of memory":
            return len(bytearray(2**34))
        case "end":
            os._exit(3)
        case "hang":
            report({"text": str(os.getpid()), "done": 0, "total": 0})
            threading.Event().wait()
        case "start another and hang":
            started = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
            report({"text": str(started.pid), "done": 0, "total": 0})
            threading.Event().wait()
    return {"pid": os.getpid(), "niceness": os.nice(0), "text": request.get("text", "")}


if __name__ == "__main__":
    serve(oblige)
