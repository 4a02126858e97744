"""`python -m toolft_pipeline.cli`, for when the console script is not on PATH."""

from toolft_pipeline.cli.main import main

main()
