"""Arguments and options that several commands of `geta` share, with what --help says of them. No torch."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

Spec = Annotated[
    str, typer.Argument(help="A zoo name, a .pt2 file, hf:DIR, package.module:factory or file.py:factory.")
]
RunId = Annotated[int, typer.Argument(metavar="RUN", help="The number of the run, as `geta runs` lists it.")]
JsonPath = Annotated[str | None, typer.Option("--json", metavar="F", help='Write the results as JSON; "-" is stdout.')]
StoreUrl = Annotated[
    str | None, typer.Option("--store", metavar="URL", help="Default: .geta/geta.db here, or GETA_STORE.")
]
Inputs = Annotated[
    list[str] | None,
    typer.Option("--input", metavar="SIZES[:DTYPE]", help="Example input, such as 2,3,224,224; once for each input."),
]
Granularity = Annotated[
    Literal["head", "head_dim"], typer.Option(help="Attention loses whole heads, or the same offsets of every head.")
]
Meta = Annotated[bool, typer.Option("--meta", help="Without weights: hf:DIR needs only its config.json.")]
Precision = Annotated[Literal["float32", "float64"], typer.Option(help="What the outputs are computed in.")]
Weights = Annotated[bool, typer.Option("--weights/--no-weights", help="Quantize weights.")]
Activations = Annotated[bool, typer.Option("--activations/--no-activations", help="Quantize activations.")]
Protect = Annotated[
    list[str] | None, typer.Option("--protect", metavar="GLOB", help="Layers to leave whole; repeatable.")
]
