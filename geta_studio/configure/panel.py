"""The Configure tab: bounds of every quantizer, sparsity, schedule, data and training, and what they allow."""

from __future__ import annotations

from collections.abc import Mapping

import dash_mantine_components as dmc
from dash import dcc, html
from dash.development.base_component import Component

from geta_engine.config import STAGES, RunConfig, Schedule
from geta_studio.configure import ids
from geta_studio.configure.bits_grid import bits_grid
from geta_studio.configure.estimate import Estimate, Reach
from geta_studio.shell.format import count, percent, size
from geta_studio.shell.icons import icon
from geta_studio.shell.stage_bands import stage_band
from geta_studio.shell.stores import TypedNumber

DATA_CHOICES = ("digits", "fashion-mnist", "mnist:DIR", "cifar10:DIR", "npz:FILE", "distill", "distill:DATA")
PRESETS = (("4-8", "4–8"), ("8", "all 8"), ("edges", "first & last 8"))
OPTIMIZERS = [
    {"value": "sgd", "label": "SGD"},
    {"value": "adam", "label": "Adam"},
    {"value": "adamw", "label": "AdamW"},
]


def configure_panel() -> Component:
    """The whole tab; its values come from `RunConfig`'s defaults."""
    return html.Div(
        className="configure",
        children=[
            html.Div([_bits(), _sparsity(), _schedule(), _training()], className="configure-scroll"),
            html.Div(
                className="configure-foot",
                children=[
                    html.Div(id=ids.ESTIMATE, className="estimate"),
                    html.Div(id=ids.CONFIG_ERRORS, className="config-errors", role="alert"),
                    html.Div(
                        className="launch-row",
                        children=[
                            html.Button([icon("save"), html.Span("Save YAML")], id=ids.YAML_SAVE, className="ghost"),
                            html.Label(
                                [icon("upload"), html.Span("Load YAML")],
                                id=ids.YAML_FILE,
                                className="ghost upload-yaml",
                            ),
                            html.Div(className="spacer"),
                            html.Button(
                                [icon("play"), html.Span("Launch")], id=ids.LAUNCH, className="primary", disabled=True
                            ),
                        ],
                    ),
                ],
            ),
            dcc.Store(id=ids.CONFIG),
            dcc.Store(id=ids.YAML_LOADED),
            dcc.Download(id=ids.YAML_DOWNLOAD),
        ],
    )


def _bits() -> Component:
    return _section(
        "Bit bounds",
        html.Div([_preset(*preset) for preset in PRESETS], className="presets", id=ids.BITS_PRESETS, role="group"),
        html.Div(
            className="set-all",
            children=[
                html.Span("Set", className="muted"),
                _number(ids.BITS_LOWER, 4, label="Lower bound, set for all", width=58),
                html.Span("to"),
                _number(ids.BITS_UPPER, 8, label="Upper bound, set for all", width=58),
                html.Span("bits for all layers", id=ids.BITS_SCOPE, className="muted"),
            ],
        ),
        html.Div(id=ids.BITS_PROBLEM, className="problem"),
        dmc.TextInput(
            id=ids.BUDGET,
            value="",
            label="Budget: what the chosen bits may cost",
            size="xs",
            debounce=300,
            className="wide",
        ),
        bits_grid(),
    )


def _preset(value: str, label: str) -> Component:
    return html.Button(label, id={"preset": value}, className="chip", title=_PRESET_TITLES[value])


_PRESET_TITLES = {
    "4-8": "Every quantizer between 4 and 8 bits",
    "8": "Every quantizer at 8 bits",
    "edges": "First and last layer at 8 bits, the rest between 4 and 8",
}


def _sparsity() -> Component:
    default = RunConfig(model="").sparsity
    return _section(
        "Sparsity",
        html.Div(
            className="sparsity-row",
            children=[
                dmc.Slider(
                    id=ids.SPARSITY,
                    value=default,
                    min=0,
                    max=0.95,
                    step=0.01,
                    label=None,
                    size=5,
                    thumbSize=14,
                    updatemode="drag",
                    attributes={"thumb": {"aria-label": "Share of units to remove"}},
                    className="slider",
                ),
                _number(ids.SPARSITY_INPUT, default, label="Share of units to remove", width=64, step=0.01, decimals=3),
            ],
        ),
        html.Div(id=ids.SPARSITY_CAPTION, className="caption"),
    )


def _schedule() -> Component:
    default = Schedule()
    periods = {"projection": "projection_periods", "joint": "joint_periods"}
    return _section(
        "Schedule",
        html.Div(id=ids.SCHEDULE_BAR, className="bands schedule-bar"),
        html.Div([_stage(default, *item, periods.get(item[0])) for item in STAGES.items()], className="stages"),
        html.Div(id=ids.SCHEDULE_PROBLEM, className="problem"),
    )


def _stage(default: Schedule, name: str, label: str, periods: str | None) -> Component:
    steps = _number(ids.schedule_field(name), getattr(default, name), label=f"{label} steps", width="100%", step=10)
    extra = []
    if periods:
        number = _number(ids.schedule_field(periods), getattr(default, periods), label=f"{label} periods", width=30)
        extra = [html.Div([number, html.Span("periods")], className="periods")]
    return html.Div(
        [html.Span([html.I(className=f"stage-swatch stage-{name}"), label], className="muted"), steps, *extra],
        className="stage",
    )


def _training() -> Component:
    config = RunConfig(model="")
    data = dmc.Autocomplete(
        id=ids.DATA_SELECT,
        data=list(DATA_CHOICES),
        value=config.data,
        label="Data",
        size="xs",
        debounce=300,
        className="wide",
        filter={"function": "showAllOptions"},
    )
    optimizer = dmc.Select(
        id=ids.OPTIMIZER, data=OPTIMIZERS, value=config.optimizer, label="Optimizer", size="xs", allowDeselect=False
    )
    return _section(
        "Data and training",
        html.Div(
            className="training",
            children=[
                data,
                optimizer,
                _labelled(ids.BATCH, config.batch_size, "Batch"),
                _rate(ids.LR, config.lr, "Learning rate"),
                _rate(ids.LR_QUANT, config.lr_quant, "Quantizer lr"),
                _labelled(ids.SEED, config.seed, "Seed"),
            ],
        ),
    )


def _section(title: str, *children: Component) -> Component:
    return html.Section([html.H3(title), *children], className="section")


def _number(
    identity: str, value: float, *, label: str, width: int | str, step: float = 1, decimals: int | None = None
) -> Component:
    """A field for a number. Whole ones take decimals too: refusing the point would make 15 of 1.5."""
    return dmc.NumberInput(
        id=identity,
        value=value,
        step=step,
        size="xs",
        w=width,
        hideControls=True,
        decimalScale=decimals,
        clampBehavior="none",
        debounce=150,
        attributes={"input": {"aria-label": label}},
    )


def _labelled(identity: str, value: float, label: str) -> Component:
    number = _number(identity, value, label=label, width="100%")
    return html.Label([html.Span(label, className="field-name"), number], className="field")


def _rate(identity: str, value: float, label: str) -> Component:
    """A field that takes 0.003 and 3e-3 alike, which a number field would not."""
    return dmc.TextInput(id=identity, value=f"{value:g}", label=label, size="xs", debounce=150, className="field")


def sparsity_caption(asked: Reach | None) -> str:
    """ "K = 224 of 448 units (largest reachable 436)"."""
    return (
        f"K = {count(asked.k)} of {count(asked.total)} units (largest reachable {count(asked.largest)})"
        if asked
        else ""
    )


def estimate_lines(values: Estimate | None) -> list[Component]:
    """The range of relative BOPs and size these bounds and this sparsity allow."""
    if values is None:
        return []
    low, high = values.relative_bops
    small, large = values.size
    return [
        _fact("Relative BOPs", f"{percent(low, 2)} – {percent(high, 2)}"),
        _fact("Size", f"{size(small)} – {size(large)} of {size(values.dense_size)}"),
        html.Span(
            "estimate",
            className="note",
            title="At the lower and the upper bounds, every group losing the same share of its units; "
            "relative to 32-bit weights and activations.",
        ),
    ]


def _fact(name: str, value: str) -> Component:
    return html.Div([html.Span(name, className="muted"), html.Strong(value)])


def problem_list(problems: Mapping[str, str]) -> list[Component]:
    """One line a problem."""
    return [html.Div(text) for text in problems.values()]


def schedule_bands(schedule: Mapping[str, TypedNumber]) -> list[Component]:
    """The stages to scale, from numbers that may still be half typed."""
    lengths = {name: schedule.get(name) for name in STAGES}
    return [
        stage_band(name, length, f"{STAGES[name]}: {length} steps")
        for name, length in lengths.items()
        if isinstance(length, int) and length > 0
    ]
