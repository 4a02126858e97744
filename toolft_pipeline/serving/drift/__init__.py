"""The live tools against those that the model was trained on."""
