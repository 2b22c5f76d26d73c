"""The header: which model and run are on screen, and the address that says so."""
