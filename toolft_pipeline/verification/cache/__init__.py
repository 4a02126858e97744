"""What a version of a day takes from the one before it: verdicts, replays, or the whole day."""
