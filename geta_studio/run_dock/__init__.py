"""The run on screen: figures, timeline and controls."""
