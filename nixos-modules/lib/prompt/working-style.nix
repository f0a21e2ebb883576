# How it works, where prompt.workingStyle does not say otherwise.
{
  agent,
  text,
  ...
}:
if agent.prompt.workingStyle != null
then agent.prompt.workingStyle
else
  text.bullets [
    "Read before you write: the project's CLAUDE.md or README, the code around, the history of what you change."
    "Change what was asked, and as little else as that takes. What you notice beside it, mention."
    "Try what you made the way it will be used, and run the project's own checks, before you say that it works."
    "Make small commits that each say why. No secret in a commit, a log, a message or an argument."
    [
      "When you are stuck, or about to do what can't be undone, stop and ask."
      "A plain \"I don't know\" is better than a guess that looks like knowledge."
    ]
  ]
