"""How fast a run goes, from (time, step) samples of the last seconds."""

from __future__ import annotations

from collections import deque

WINDOW = 10.0
FEWEST = 6


class StepRate:
    """Steps a second over the last `WINDOW` seconds, or the last `FEWEST` steps where those took longer."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, int]] = deque()

    def at(self, time: float, step: int) -> float | None:
        """Add a sample; returns the rate, or None until steps were seen to pass. A step back starts afresh."""
        if self._samples and step < self._samples[-1][1]:
            self._samples.clear()
        if not self._samples or step > self._samples[-1][1]:
            self._samples.append((time, step))
        while len(self._samples) > FEWEST and self._samples[-1][0] - self._samples[0][0] > WINDOW:
            self._samples.popleft()
        (first, start), (last, end) = self._samples[0], self._samples[-1]
        return (end - start) / (last - first) if end > start and last > first else None
