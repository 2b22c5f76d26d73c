"""Every component id of the studio, in one place. Browser tests and scripts rely on these: add, do not rename."""

from __future__ import annotations

MODEL_SELECT = "model-select"
GRAPH = "graph"
GRAPH_PANEL = "graph-panel"
GRAPH_SEARCH = "graph-search"
GRAPH_STAGE = "graph-stage"
GRAPH_OVERLAY = "graph-overlay"
GRAPH_LEGEND = "graph-legend"
SIDE_TABS = "side-tabs"
RUN_SELECT = "run-select"
URL = "url"
COLOR_SCHEME = "color-scheme"

MODEL_KEY = "model-key"
"""dcc.Store: the key of the analysis on screen (`services.analyses.get(key)`), or None."""
SELECTION = "selection"
"""dcc.Store: {"kind": "node" | "group" | "quantizer", "id": ...}, or None."""
RUN_ID = "run-id"
"""dcc.Store: the run on screen (int), or None."""


# Shell
GRAPH_AREA = "graph-area"
WORKSPACE = "workspace"
RUNS_PAGE = "runs-page"
PROVIDER = "mantine-provider"
THEME_SWITCH = "theme-switch"
NOTICES = "notices"


# Configure
BITS = "bits"
"""dcc.Store: {"model", "default": [b_l, b_u], "layers": {quantizer id: [b_l, b_u]}}: what the grid edits."""


# Dock
PHASE = "phase"
"""dcc.Store: {"run", "status"}; changes only when one of the two does."""
SNAPSHOT = "snapshot"
"""dcc.Store: {"run", "snapshot"}: the step of the newest snapshot; changes only when there is a new one."""
RESULT_TAB = "result-tab"

# Runs
RUNS_VERSION = "runs-version"
"""dcc.Store: `services.runs.version()`, a text; changes whenever the list of runs does."""

# Graph
GRAPH_OPEN = "graph-open"
"""dcc.Store: {"model", "scopes": [open scopes]}; the server writes it with the elements."""
GRAPH_SCENE = "graph-scene"
"""dcc.Store: {"model", "width", "height", "anchor", "focus", "hosts", "groups"}: of a drawing, for the browser."""
GRAPH_DRAWING = "graph-drawing"
"""dcc.Store: what names the drawing of this page to the server, so that its progress and its cancel are its own."""
GRAPH_COMMAND = "graph-command"
"""dcc.Store: {"action": "toggle" | "reveal" | "all" | "fold", "scope", "node", "count"}: asked by graph/commands.js."""
GRAPH_NOW = "graph-now"
"""dcc.Store: {"bits": {quantizer: b}, "groups": {group: [kept, redundant, zero, mean norm]}, "step"} of the run."""
GRAPH_MATCHES = "graph-matches"
GRAPH_MATCH_COUNT = "graph-match-count"
GRAPH_SHAPE = "graph-shape"
GRAPH_TREE = "graph-tree"
GRAPH_SETTLED = "graph-settled"
"""dcc.Store: how many drawings there were; written by assets/js/graph/drawing.js when one has settled, for the list."""
GRAPH_TIP = "graph-tip"
GRAPH_MENU = "graph-menu"
GRAPH_ACCESSIBLE_LIST = "graph-accessible-list"
GRAPH_MAP = "graph-map"
GRAPH_CRUMBS = "graph-crumbs"
GRAPH_SCALE = "graph-scale"
GRAPH_BUSY = "graph-busy"
GRAPH_POLL = "graph-poll"
GRAPH_PROGRESS = "graph-progress"
GRAPH_CANCEL = "graph-cancel"
GRAPH_ASK = "graph-ask"
GRAPH_QUESTION = "graph-question"
GRAPH_COMPARE = "graph-compare"
"""dcc.Store: key of the model to compare the one on screen with, or ""; assets/js/graph/buttons.js writes it too."""
GRAPH_COMPARE_ITEMS = "graph-compare-items"
GRAPH_COMPARED = "graph-compared"
GRAPH_COMPARED_SCENE = "graph-compared-scene"
GRAPH_COMPARED_TITLE = "graph-compared-title"
GRAPH_COMPARED_SINK = "graph-compared-sink"
GRAPH_COMPARED_POLL = "graph-compared-poll"
GRAPH_SINKS = tuple(
    f"graph-sink-{name}" for name in ("scene", "accessible-list", "paint", "restyled", "select", "match", "step")
)
"""dcc.Store: sinks of clientside callbacks that only draw."""

# Inspector
PAINTED = "painted"
"""dcc.Store: True once the first graph is on screen; what is slow to load waits for it."""
