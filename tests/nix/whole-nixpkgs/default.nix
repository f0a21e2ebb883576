# What `import nixpkgs` gives there; tests in virtual machines get the modules too.
arguments:
import <nixpkgs> (
  arguments
  // {
    overlays =
      [
        (import ../missing-files.nix)
        (_: previous: {
          testers =
            previous.testers
            // {
              runNixOSTest = test:
                previous.testers.runNixOSTest {
                  imports = [test];
                  extraBaseModules.imports = import ../slim-modules.nix;
                };
            };
        })
      ]
      ++ arguments.overlays or [];
  }
)
