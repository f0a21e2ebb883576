# $there: settings as they are; $before, $declared: what was declared the last time, and now. Each a list of
# one object, or none. Lists count as one value: the declared one replaces what is there.

def leaves: [paths(type != "object" or . == {})] | map(select(all(.[]; type == "string")));

($there[0] // {}) as $there
| ($before[0] // {}) as $before
| $declared[0] as $declared
| (($before | leaves) - ($declared | leaves)) as $gone
| reduce $gone[] as $path ($there;
    if (try getpath($path) catch null) == ($before | getpath($path)) then delpaths([$path]) else . end)
| . * $declared
