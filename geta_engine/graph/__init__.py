"""Plain-data graphs: what `analyze` returns, how it is laid out and drawn. No torch."""

from geta_engine.graph.model import Block, Group, Member, Qadg, Quantizer

__all__ = ["Block", "Group", "Member", "Qadg", "Quantizer"]
