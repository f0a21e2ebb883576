"""The broker's socket: requests and answers from this machine, by peer credentials."""
