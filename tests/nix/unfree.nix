# The unfree packages that an agent may have: the model's own command line.
package:
  builtins.elem (package.pname or (builtins.parseDrvName package.name).name) ["claude-code"]
