"""The analysis of a model as one JSON document: what `geta analyze --json` writes and what the studio draws.

Keys may be added to these documents, never renamed. Sizes of a shape are whole numbers, or "B" for a free one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NotRequired

from typing_extensions import TypedDict

Size = int | str
NodeKind = Literal["input", "output", "layer", "op", "shape", "helper", "parameter"]
"""layer: a module that has parameters; shape: an op that only moves data; helper: masks and positions; parameter: a
weight that is written out at the stage of branches."""
QuantizerKind = Literal["weight", "activation"]
BranchKind = Literal["attached", "inserted"]
GraphStage = Literal["trace", "branches", "qadg", "groups"]
"""The steps of the paper's construction at which a graph can be drawn."""


class NodeDocument(TypedDict):
    """One op of the traced program, or one input or output."""

    id: str  # the name of its node in the program
    name: str  # the module it is, else the op
    label: str  # the end of the name, short enough to be written on it
    op: str  # `conv2d`, `placeholder`, `output` ...
    kind: NodeKind
    scope: str  # the dotted path of the module around it, "" at the root
    detail: str  # one line: what a layer maps from and to, or the shape
    shape: Sequence[Size]
    parameters: Sequence[str]  # names of the parameters and buffers that it reads
    n_params: int
    macs: int  # multiply-adds for one sample
    group: int | None  # the group that most indices of its result belong to
    in_group: int | None  # the group that its weight reads
    reason: str | None  # why its group cannot be pruned
    quantizer: str | None  # id of its weight's quantizer
    branch: NotRequired[int | None]  # number of the quantizer branch it is an op of, at the stage "branches"
    part_of: NotRequired[str | None]  # id of the quantizer it is an op of, at the stages "trace" and "branches"
    make: NotRequired[str]  # what tells it from another make, where that is not op and detail
    parts: NotRequired[Sequence[str]]  # ids of the ops that stand for one layer when two graphs are compared


class EdgeDocument(TypedDict):
    """A tensor from one node to another."""

    source: str
    target: str
    quantizer: str | None  # id of the activation quantizer on the way


class BranchDocument(TypedDict):
    """One quantizer as the ops that it is."""

    kind: BranchKind
    layer: str  # the module that reads its result, else the one whose result it quantizes
    source: str  # the node whose tensor is quantized
    result: str  # the node that holds the quantized tensor
    nodes: Sequence[str]  # its ops in program order, `result` among them


class TracedBranchDocument(BranchDocument):
    """A quantizer that the traced program came with."""

    parameters: Sequence[str]  # names of its own parameters and buffers
    readers: Sequence[str]  # the nodes outside that read `result`
    per_channel: Sequence[tuple[str, int]]  # a parameter's node, and the dim of `source` that it runs along
    scalars: Sequence[str]  # nodes that only prepare its parameters
    keeps_zero: bool  # whether 0 is quantized to 0 whatever the parameters are


class DrawnBranchDocument(BranchDocument):
    """A branch of a graph, and whose it is."""

    quantizer: str | None  # id, None where the analysis trains none there


class GraphDocument(TypedDict):
    """Nodes in program order and the edges between them, at one stage."""

    nodes: Sequence[NodeDocument]
    edges: Sequence[EdgeDocument]
    branches: NotRequired[Sequence[DrawnBranchDocument]]  # at the stages "trace" and "branches"


class MemberDocument(TypedDict):
    """Slices of one parameter that go with the units of a group."""

    parameter: str
    dim: int
    role: Literal["producer", "consumer", "statistic"]
    per_unit: int  # indices along `dim` for each unit
    shape: Sequence[int]  # of the whole parameter


class LinkDocument(TypedDict):
    """Why two members belong together: the ops that tied them."""

    before: int  # position in the group's members
    after: int
    ops: Sequence[str]


class GroupDocument(TypedDict):
    """A set of units of the same make."""

    id: int  # counts from 1
    name: str
    size: int  # number of units
    prunable: bool
    reason: str | None  # why not, in plain words
    members: Sequence[MemberDocument]
    via: Sequence[str]  # nodes through which the units pass
    links: Sequence[LinkDocument]
    unit_params: int  # parameters that go with one unit
    unit_macs: int  # multiply-adds that go with one unit while everything else stays


class QuantizerDocument(TypedDict):
    """One quantizer that a run would train."""

    id: str  # the weight's name, or act.<node>
    layer: str
    kind: QuantizerKind
    node: str  # where its mark stands: the first layer that reads a weight, the source of an activation
    source: str
    readers: Sequence[str]  # the layers that read the quantized tensor
    parameters: int  # numbers in the weight, 0 for an activation
    unsigned: bool  # proven never to be negative: levels from 0 up
    macs: int  # multiply-adds of its readers


class ProductDocument(TypedDict):
    """Multiply-adds of two operands, and the quantizers of these; None for one that is float."""

    macs: int
    left: str | None
    right: str | None


class LayerDocument(TypedDict):
    """One op that multiplies and adds. `products` are what it multiplies: two of a fused attention, else one."""

    node: str
    layer: str
    macs: int
    params: int
    weight_quantizer: str | None
    activation_quantizer: str | None
    products: Sequence[ProductDocument]
    in_group: int | None
    out_group: int | None


class PinnedOp(TypedDict):
    """An op without a rule, and how often it occurs."""

    op: str
    count: int


class ModelDocument(TypedDict):
    """The model that was analysed."""

    name: str
    spec: str
    hash: str
    params: int
    macs: int
    inputs: Sequence[Sequence[Size]]
    outputs: Sequence[Sequence[Size]]


class AnalysisSeconds(TypedDict):
    """What the two steps took."""

    trace: float
    analyze: float


class AnalysisDocument(TypedDict):
    """All that is known of a model before any training."""

    nodes: int
    edges: int
    groups: Sequence[GroupDocument]
    quantizers: Sequence[QuantizerDocument]
    branches: Sequence[TracedBranchDocument]  # empty where the program came without quantizers
    prunable_units: int
    total_units: int
    max_zero_units: int  # the most that can go while every group keeps a unit
    pinned_ops: Sequence[PinnedOp]
    model: ModelDocument
    graph: GraphDocument  # with traced quantizers folded
    trace: NotRequired[GraphDocument]  # as traced, where the program came with its quantizers
    layers: Sequence[LayerDocument]
    seconds: AnalysisSeconds
