"""Draw the rows to train on, record them, and pack them."""
