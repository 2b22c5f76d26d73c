"""Work in processes beside this one: requests in, progress and results out, with limits on time and memory."""
