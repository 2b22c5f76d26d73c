"""The graph of the model on screen."""
