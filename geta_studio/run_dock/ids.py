"""Ids of the run dock's components. Browser tests and scripts rely on them: add, do not rename."""

from __future__ import annotations

DOCK = "dock"
DOCK_EMPTY = "dock-empty"
DOCK_FIGURES = "dock-figures"
LIVE = "live"
"""dcc.Store: where the run on screen stands; changes whenever the store has news of it."""
TICK = "tick"
TICK_DUE = "tick-due"
"""dcc.Store: how many ticks there were while the tab was in front; no other tick reaches the server."""

PAUSE = "pause"
RESUME = "resume"
STEP = "step"
STOP = "stop"
EXPORT = "export"

RUN_STATUS = "run-status"
RUN_STEP = "run-step"
RUN_MESSAGE = "run-message"

TIMELINE = "timeline"
TIMELINE_BANDS = "timeline-bands"
TIMELINE_CURSOR = "timeline-cursor"

LOSS_FIGURE = "loss-figure"
NORMS_FIGURE = "norms-figure"
BITS_FIGURE = "bits-figure"
COST_FIGURE = "cost-figure"
LOSS_NOW = "loss-now"
NORMS_NOW = "norms-now"
BITS_NOW = "bits-now"
COST_NOW = "cost-now"
NORMS_GROUP = "norms-group"
