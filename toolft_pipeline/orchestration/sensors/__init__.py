"""What starts runs: schedules, and sensors on logs, catalogs and base models."""
