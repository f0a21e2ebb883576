"""A throw-away town on loopback, and the scripted stand-in for the model that can live in it."""
