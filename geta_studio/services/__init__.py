"""The only door from the studio to the engine. No torch."""
