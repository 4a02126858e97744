"""A copier worth fearing: it solves tasks with the calls of the nearest logged run, and learns nothing.

It imports nothing of how evaluation scores. A task that it solves needs no model: the figure beside a model's is what
retrieval alone achieves on the same tasks.
"""
