"""The daemon's local socket: newline-delimited JSON, served by peer credentials (design §8)."""
