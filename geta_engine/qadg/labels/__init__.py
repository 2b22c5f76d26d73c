"""Labels of indices: the space they live in, how they move through a program, what ties them."""
