"""The human's side: intake, policy, channels, verdicts, grants, audit."""
