"""Whether the answers of a logged run say what its results say, and its calls act on what the user named."""
