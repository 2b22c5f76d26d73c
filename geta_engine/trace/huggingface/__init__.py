"""A local Hugging Face directory -> TracedModel."""
