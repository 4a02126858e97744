"""The evaluation report: metrics.json, tables, the HTML page, and its training examples."""
