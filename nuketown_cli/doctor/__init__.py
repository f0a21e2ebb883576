"""``nuketown doctor``: one file per concern; each has a check that yields findings."""
