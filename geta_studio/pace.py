"""How fast a run goes, from (time, step) samples of the last seconds."""

from __future__ import annotations

from collections import deque

WINDOW = 8.0


class Pace:
    """Steps a second over the last `WINDOW` seconds; None until two samples lie apart."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, int]] = deque()

    def at(self, time: float, step: int) -> float | None:
        """Add a sample; returns the rate. A step that goes back (a resumed run) starts afresh."""
        if self._samples and step < self._samples[-1][1]:
            self._samples.clear()
        self._samples.append((time, step))
        while time - self._samples[0][0] > WINDOW and len(self._samples) > 2:
            self._samples.popleft()
        passed, done = time - self._samples[0][0], step - self._samples[0][1]
        return done / passed if passed > 0.5 and done > 0 else None
