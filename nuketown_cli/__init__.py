"""The ``nuketown`` command: talks to the daemons whose sockets serve the caller."""
