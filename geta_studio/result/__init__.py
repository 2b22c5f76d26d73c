"""What a finished run achieved, on one card."""
