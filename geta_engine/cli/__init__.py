"""The console script `geta`."""
