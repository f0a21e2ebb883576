"""The root helper behind an agent's ``sudo``. It takes no decision: the broker does.

Standard library only, and of that as little as can be: every import is felt at every ``sudo``
(docs/sudo.md says which were avoided and what they cost).
"""
