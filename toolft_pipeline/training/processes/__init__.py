"""Training in several processes of one machine, one a GPU."""
