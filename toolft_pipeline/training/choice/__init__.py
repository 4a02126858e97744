"""Which checkpoint of a training run becomes the adapter: by validation loss, or by what its model generates."""
