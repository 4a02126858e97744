"""`toolft compare-bases`: several base models on the same runs and tasks."""
