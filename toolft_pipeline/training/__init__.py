"""A model made: the base converted, rows drawn within a budget, an adapter trained by TRL, the adapter merged."""
