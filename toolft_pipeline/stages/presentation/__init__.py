"""What the Dagster UI shows of an asset: tables, charts, plots and links."""
