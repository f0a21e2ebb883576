# `nix run github:joshperry/nuketown`: the demonstration with all that it needs.
{
  claude-code,
  git,
  nuketown,
  openssl,
  prosody,
  python3,
  tmux,
  util-linux,
  writeShellApplication,
}:
writeShellApplication {
  name = "nuketown-demo";
  runtimeInputs = [
    (python3.withPackages (packages: [
      (packages.toPythonModule nuketown)
      packages.prompt-toolkit
    ]))
    git
    openssl
    prosody
    tmux
    util-linux
  ];
  runtimeEnv.NUKETOWN_DAEMON__CLI_PATH = "${claude-code}/bin/claude";
  text = ''exec python -m nuketown_demo "$@"'';
  meta.description = "A throw-away town on this machine, to chat with";
}
