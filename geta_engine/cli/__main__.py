"""`python -m geta_engine.cli`: the console script `geta`."""

from geta_engine.cli.app import app

app()
