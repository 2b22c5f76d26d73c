"""A `.pt2` archive from a stranger, read with nothing in it unpickled or run."""
