"""Rewrites of an exported graph: train and eval, in-place ops made pure, inlined regions."""
