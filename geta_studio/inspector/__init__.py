"""What is selected in the graph, in numbers and plain words."""
