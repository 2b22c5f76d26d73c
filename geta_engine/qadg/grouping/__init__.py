"""From ties between labels to units, and from units to groups."""
