"""The chat against real servers on loopback: one of our own that misbehaves, and one from a package registry."""
