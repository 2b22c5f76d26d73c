"""The configuration as a YAML file, both ways."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypedDict

from dash import no_update

from geta_engine.config import RunConfig, make_config
from geta_engine.errors import InputError
from geta_engine.zoo.names import ZOO
from geta_studio.configure.budget import budget_text
from geta_studio.configure.draft import ConfigFields
from geta_studio.configure.field_ids import FIELD_IDS, VALUE_IDS
from geta_studio.services.services import Services

UNSHOWN = tuple(
    name
    for name in RunConfig.model_fields
    if name not in (*FIELD_IDS, "version", "model", "bits", "layer_bits", "bops", "bytes", "schedule")
)
"""Fields of a configuration that the tab does not show."""


class LoadedFile(TypedDict):
    """A file that was chosen in the browser."""

    text: str
    name: str


def yaml_download(services: Services, fields: ConfigFields | None) -> dict[str, str]:
    """The checked configuration as the file `geta run --config` takes, for dcc.Download.

    Raises InputError while there are problems.
    """
    if fields is None:
        raise InputError("there is no valid configuration to save: mend the problems listed above Launch first")
    spec = services.library.spec(fields["model"])
    text = make_config(**{**fields, "model": spec}).to_yaml()
    return {"content": text, "filename": f"{Path(spec).stem}.yaml", "type": "text/yaml"}


def loaded_config(text: str) -> RunConfig:
    """YAML text -> config. Raises InputError also for one that sets what has no field here, which would get lost."""
    config = RunConfig.from_yaml(text)
    default = RunConfig(model=config.model)
    lost = [name for name in UNSHOWN if getattr(config, name) != getattr(default, name)]
    if lost:
        raise InputError(
            f"the configuration sets {' and '.join(lost)}, which has no field here: run it with geta run --config, "
            "or leave that out of the file"
        )
    return config


def yaml_values(loaded: LoadedFile | None) -> dict[str, Any]:
    """Values of the inputs from a YAML file, and its model where that is in the zoo.

    Raises InputError for a file that is no configuration.
    """
    if not loaded:
        return dict.fromkeys((*VALUE_IDS, "model"), no_update)
    config = loaded_config(loaded["text"])
    shown = {name: getattr(config, name) for name in FIELD_IDS if name != "budget"}
    values = {**shown, **config.schedule.model_dump(), "budget": budget_text(config)}
    return {**values, "model": config.model if config.model in ZOO else no_update}
