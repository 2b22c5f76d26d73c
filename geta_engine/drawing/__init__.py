"""How a graph is drawn: what is visible, where it stands, what differs. Plain data and Graphviz; no torch."""
