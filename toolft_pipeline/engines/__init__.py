"""Engines: token ids in, text out. Evaluation and serving run on the same ones."""
