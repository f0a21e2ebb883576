-- What Prosody gives its modules.
std = "min" -- Prosody runs on Lua 5.1 to 5.4
max_line_length = 130
read_globals = { "prosody" }
globals = { "module" }
