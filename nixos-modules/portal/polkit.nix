# { human, agents } -> polkit rule, as text: human may open a shell as those agents, without a password.
{
  human,
  agents,
}:
builtins.replaceStrings ["@human@" "@agents@"] [
  (builtins.toJSON human)
  (builtins.toJSON agents)
] (builtins.readFile ./polkit.js)
