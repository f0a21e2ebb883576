# What an agent is told of itself: ~/Claude/PROMPT.md and ~/.claude/CLAUDE.md.
#
# Who it is and how things are done here, from what is declared; what tools it has is its profile's matter.
# What is not enabled is not mentioned.
{lib}: let
  inherit (import ./teammates.nix {inherit lib;}) teammates;
  text = import ./prompt/text.nix {inherit lib;};

  # In this order; prompt.without leaves out by these names.
  generated = [
    {
      name = "machine";
      title = "The machine";
      body = import ./prompt/machine.nix;
    }
    {
      name = "environment";
      title = "Your home";
      body = import ./prompt/environment.nix;
    }
    {
      name = "sudo";
      title = "Root";
      body = import ./prompt/sudo.nix;
    }
    {
      name = "hardware";
      title = "Hardware";
      body = import ./prompt/hardware.nix;
    }
    {
      name = "collaboration";
      title = "Working together";
      body = import ./prompt/collaboration.nix;
    }
    {
      name = "xmpp";
      title = "Chat";
      body = import ./prompt/xmpp.nix;
    }
    {
      name = "teammates";
      title = "Teammates";
      body = import ./prompt/teammates.nix;
    }
    {
      name = "working-style";
      title = "How you work";
      body = import ./prompt/working-style.nix;
    }
  ];
in {
  /*
  promptOf :: { agent, town, host :: attrs } -> string

  The whole prompt, in Markdown.

  promptOf { agent = config.nuketown.agents.ada; town = config.nuketown; host = "signi"; }
  => "# Ada\n\nYou are Ada, …\n\n## The machine\n\n…"
  */
  promptOf = {
    agent,
    town,
    host,
  }: let
    facts = {
      inherit agent town host lib text;
      human =
        if town.humanName == null
        then "a person"
        else town.humanName;
      isCloud = agent.deploymentModel == "cloud";
      teammates = teammates {inherit agent town host;};
    };
    wanted = builtins.filter (section: ! builtins.elem section.name agent.prompt.without) generated;
    sections =
      map (section: {
        inherit (section) title;
        text = section.body facts;
      })
      wanted
      ++ agent.prompt.sections;
    written = builtins.filter (section: section.text != "") sections;
  in
    lib.concatStringsSep "\n\n" (builtins.filter (part: part != "") (
      [
        (lib.optionalString (agent.prompt.file != null) (lib.trim (builtins.readFile agent.prompt.file)))
        (lib.trim (import ./prompt/who.nix facts))
      ]
      ++ map (section: "## ${section.title}\n\n${lib.trim section.text}") written
      ++ [(lib.trim agent.claudeCode.extraPrompt)]
    ))
    + "\n";
}
