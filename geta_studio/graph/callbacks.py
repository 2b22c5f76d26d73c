"""The graph: draws it when the model or the open modules change; everything that moves happens in assets/js/graph.

What may wait for a layout is `async def`: it holds none of the few threads that answer everything else.
"""

from __future__ import annotations

from typing import Any

from dash import ClientsideFunction, Dash, Input, NoUpdate, Output, State, ctx, no_update, set_props

from geta_studio.graph import ids
from geta_studio.graph.accessible_list import tree
from geta_studio.graph.cytoscape import Rule
from geta_studio.graph.live_values import live_values, matches
from geta_studio.graph.panel import shape_item, stage_options
from geta_studio.graph.plan import View, at_stage, drawn, options_of, planned, progress_text, question, too_many
from geta_studio.graph.scene import DrawnGraph, GraphCommand, Matches
from geta_studio.graph.stylesheet import stylesheet
from geta_studio.services.in_turn import in_turn
from geta_studio.services.services import Services
from geta_studio.services.unit_state import LiveValues
from geta_studio.shell import ids as shared
from geta_studio.shell.graph_choices import FIRST_STAGE
from geta_studio.shell.html_tree import Plain
from geta_studio.shell.stores import BitBounds, NewestSnapshot, RunPhase


def register(app: Dash, services: Services) -> None:
    """Wire the drawing, the live values, search, and the clientside parts."""

    @app.callback(
        Output(ids.GRAPH, "elements"),
        Output(ids.GRAPH_SCENE, "data"),
        Output(ids.GRAPH_OPEN, "data"),
        Input(shared.MODEL_KEY, "data"),
        Input(ids.GRAPH_COMMAND, "data"),
        Input(ids.GRAPH_SHAPE, "n_clicks"),
        Input(shared.GRAPH_STAGE, "value"),
        State(ids.GRAPH_OPEN, "data"),
        State(ids.GRAPH_DRAWING, "data"),
        running=[
            (Output(ids.GRAPH_BUSY, "className"), "graph-busy on", "graph-busy"),
            (Output(ids.GRAPH_POLL, "disabled"), False, True),
        ],
    )
    async def draw(
        key: str | None,
        command: GraphCommand | None,
        shape: int,
        stage: str,
        drawn: DrawnGraph | None,
        name: str,
    ) -> tuple[Any, Any, Any]:
        asked = command if ctx.triggered_id == ids.GRAPH_COMMAND else None
        return await drawing(services, key, asked, View(stage, shows_shape(shape)), drawn, name)

    @app.callback(
        Output(ids.GRAPH_SHAPE, "children"),
        Output(ids.GRAPH_SHAPE, "aria-label"),
        Input(ids.GRAPH_SHAPE, "n_clicks"),
        prevent_initial_call=True,
    )
    def name_shape(clicks: int) -> tuple[str, str]:
        return shape_item(shows_shape(clicks))

    @app.callback(
        Output(ids.GRAPH_PROGRESS, "children"), Input(ids.GRAPH_POLL, "n_intervals"), State(ids.GRAPH_DRAWING, "data")
    )
    def show_progress(_: int, name: str) -> str:
        return progress_text(*services.layouts.progress(name))

    @app.callback(Input(ids.GRAPH_CANCEL, "n_clicks"), State(ids.GRAPH_DRAWING, "data"), prevent_initial_call=True)
    def cancel(_: int, name: str) -> None:
        services.layouts.cancel(name)

    @app.callback(
        Output(ids.GRAPH_ASK, "opened"),
        Output(ids.GRAPH_QUESTION, "children"),
        Input(ids.GRAPH_COMMAND, "data"),
        State(ids.GRAPH_OPEN, "data"),
        prevent_initial_call=True,
    )
    def ask(command: GraphCommand | None, drawn: DrawnGraph | None) -> tuple[bool, Any]:
        return ask_first(services, command, drawn)

    @app.callback(
        Output(ids.GRAPH_ACCESSIBLE_LIST, "data"),
        Input(ids.GRAPH_SETTLED, "data"),
        State(ids.GRAPH_OPEN, "data"),
        prevent_initial_call=True,
    )
    async def send_accessible_list(_: int, drawn: DrawnGraph | None) -> list[Plain] | NoUpdate:
        return await accessible_list(services, drawn)

    @app.callback(
        Output(ids.GRAPH, "stylesheet"), Input(shared.PROVIDER, "forceColorScheme"), Input(shared.GRAPH_STAGE, "value")
    )
    def restyle(scheme: str | None, stage: str) -> list[Rule]:
        return stylesheet("dark" if scheme == "dark" else "light", stage)

    @app.callback(
        Output(ids.GRAPH_NOW, "data"),
        Input(shared.SNAPSHOT, "data"),
        Input(shared.RUN_ID, "data"),
        Input(shared.MODEL_KEY, "data"),
    )
    def update_live_values(_: NewestSnapshot | None, run_id: int | None, key: str | None) -> LiveValues | None:
        return live_values(services, run_id, key)

    @app.callback(
        Output(shared.GRAPH_STAGE, "data"),
        Input(shared.PHASE, "data"),
        State(shared.GRAPH_STAGE, "value"),
        prevent_initial_call=True,
    )
    def offer_stages(phase: RunPhase | None, stage: str) -> list[dict[str, str]]:
        is_done = phase is not None and phase["status"] == "done"
        if stage == "compact" and not is_done:
            # Were the stage an output, no page would draw its graph before it knows how its run stands.
            set_props(shared.GRAPH_STAGE, {"value": FIRST_STAGE})
        return stage_options(is_done)

    @app.callback(
        Output(ids.GRAPH_MATCHES, "data"),
        Input(ids.GRAPH_SEARCH, "value"),
        Input(shared.MODEL_KEY, "data"),
        Input(ids.GRAPH_NOW, "data"),
        Input(shared.BITS, "data"),
        State(ids.GRAPH_MATCHES, "data"),
    )
    def find(
        query: str | None,
        key: str | None,
        values: LiveValues | None,
        bounds: BitBounds | None,
        previous: Matches | None,
    ) -> Matches | NoUpdate:
        matched = matches(services.analyses.get(key), query or "", values, bounds)
        return no_update if matched == previous else matched

    _clientside(app)


def _clientside(app: Dash) -> None:
    for name, inputs in (
        ("scene", [Input(ids.GRAPH_SCENE, "data")]),
        ("writeList", [Input(ids.GRAPH_ACCESSIBLE_LIST, "data")]),
        (
            "paint",
            [
                Input(ids.GRAPH_NOW, "data"),
                Input(shared.GRAPH_OVERLAY, "value"),
                Input(shared.GRAPH_STAGE, "value"),
                Input(shared.BITS, "data"),
                Input(shared.PROVIDER, "forceColorScheme"),
                Input(shared.RUN_ID, "data"),
            ],
        ),
        ("restyled", [Input(ids.GRAPH, "stylesheet")]),
        ("choose", [Input(shared.SELECTION, "data")]),
        ("match", [Input(ids.GRAPH_MATCHES, "data")]),
        ("step", [Input(ids.GRAPH_SEARCH, "n_submit")]),
    ):
        app.clientside_callback(ClientsideFunction("getaGraph", name), *inputs)


def shows_shape(clicks: int) -> bool:
    """Whether shape and mask ops are shown after so many clicks on their entry; at first they are not."""
    return clicks % 2 == 1


async def drawing(
    services: Services,
    key: str | None,
    command: GraphCommand | None,
    view: View,
    previous: DrawnGraph | None,
    name: str = "",
) -> tuple[Any, Any, Any]:
    """(elements, scene, open scopes) for a model, or nothing new where it is not analysed. `name` is the drawing's."""
    analysis = await in_turn(services.analyses.get, key)
    plan = await in_turn(planned, analysis, key, command, view, previous)
    if plan is None:
        return no_update, no_update, no_update
    layout = await services.layouts.of(plan.staged["graph"], plan.options, plan.after, name)
    return await in_turn(drawn, plan, layout)


async def accessible_list(services: Services, drawn: DrawnGraph | None) -> list[Plain] | NoUpdate:
    """The accessible list of what is on screen."""
    analysis = await in_turn(services.analyses.get, drawn["model"]) if drawn else None
    if drawn is None or analysis is None:
        return no_update
    staged = at_stage(analysis, drawn["graph"])
    layout = await in_turn(services.layouts.cached, drawn["layout"])
    if layout is None:
        layout = await services.layouts.of(staged["graph"], options_of(drawn))
    return await in_turn(tree, layout, staged)


def ask_first(services: Services, command: GraphCommand | None, drawn: DrawnGraph | None) -> tuple[bool, Any]:
    """Whether to ask before all modules are opened, and what."""
    analysis = services.analyses.get(drawn["model"]) if drawn else None
    if drawn is None or analysis is None or not command:
        return False, no_update
    count = too_many(at_stage(analysis, drawn["graph"])["graph"], command, drawn["shape"])
    return bool(count), question(count)
