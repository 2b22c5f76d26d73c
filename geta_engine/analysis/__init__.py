"""The analysis of a model as one document, and the child processes that make it for the studio."""
