"""Quantizers: recognised in a traced program, and placed where the method wants them."""
