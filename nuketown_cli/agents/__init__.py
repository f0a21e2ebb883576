"""``nuketown agents``: definitions of agents written once, for every tool they run in."""
