"""Plain-data graphs: what `analyze` returns, how it is laid out and drawn. No torch."""

from geta_engine.graph.model import Block, Branch, Group, Link, Member, Qadg, Quantizer

__all__ = ["Block", "Branch", "Group", "Link", "Member", "Qadg", "Quantizer"]
