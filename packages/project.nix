# What pyproject.toml says, for the expressions beside this file.
{lib}: let
  pyproject = lib.importTOML ../pyproject.toml;
  initial = builtins.readFile ../nuketown_daemon/__init__.py;
in {
  inherit (pyproject.project) description;

  # Where `dynamic` says that it is.
  version = builtins.head (builtins.match ".*__version__ = \"([^\"]+)\".*" initial);

  # [string], as nixpkgs names them: "ruamel.yaml>=0.19" is "ruamel-yaml".
  dependencies =
    map (
      requirement:
        builtins.replaceStrings ["." "_"] ["-" "-"] (
          lib.toLower (builtins.head (builtins.match "([A-Za-z0-9._-]+).*" requirement))
        )
    )
    pyproject.project.dependencies;

  # [string]: all that can be imported.
  modules = pyproject.tool.setuptools.packages;

  meta = {
    homepage = "https://github.com/joshperry/nuketown";
    license = lib.licenses.mit;
    platforms = lib.platforms.linux;
  };
}
