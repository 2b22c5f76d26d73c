"""The small model as files."""
