"""What the daemon's and the broker's configuration have in common; neither knows the other."""
