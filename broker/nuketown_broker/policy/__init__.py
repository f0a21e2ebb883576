"""The policy: (configuration, asker, request, grants, today's counts) → deny, allow or ask.

:mod:`.in_force` is what the broker holds; it looks at the disk by :mod:`.facts` and asks the pure
:mod:`.rules`. docs/policy.md says it all in words.
"""
