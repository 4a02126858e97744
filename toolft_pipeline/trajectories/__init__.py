"""What happened: the record of one agent run, and the readers that make it from logs."""
