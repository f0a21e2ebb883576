# `nix develop`: what ./dev wants, so that it looks for nothing more.
{
  alejandra,
  claude-code,
  deadnix,
  fish,
  git,
  gnupg,
  home-manager,
  libfaketime,
  luaPackages,
  mkShell,
  nixpkgs,
  openssh,
  openssl,
  prosody,
  python3,
  shellcheck,
  statix,
  tmux,
  util-linux,
  zsh,
}:
mkShell {
  packages = [
    alejandra
    claude-code
    deadnix
    fish
    git
    gnupg
    libfaketime
    luaPackages.luacheck
    openssh
    openssl
    prosody
    python3
    shellcheck
    statix
    tmux
    util-linux
    zsh
  ];

  NIX_PATH = "nixpkgs=${nixpkgs}:home-manager=${home-manager}";
  NUKETOWN_DEV_NIX = "1";
  # The one that the SDK's wheel bundles does not run on NixOS.
  NUKETOWN_DAEMON__CLI_PATH = "${claude-code}/bin/claude";
}
