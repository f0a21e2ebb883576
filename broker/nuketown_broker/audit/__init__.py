"""The audit trail: what was asked, answered and done, in a chain that can't be edited unseen."""
