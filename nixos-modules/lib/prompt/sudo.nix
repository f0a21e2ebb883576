# How root is asked for.
{
  agent,
  town,
  human,
  isCloud,
  lib,
  text,
  ...
}: let
  inherit (agent) sudo;
  inherit (town) broker;
  timeout =
    if sudo.timeout == null
    then broker.timeout
    else sudo.timeout;
  desk = broker.role == "workstation" && town.humanUser != null;
  phone = broker.jid != null || broker.humanPasswordSecret != null;
  place =
    if desk && phone
    then " at the desk and on the phone"
    else if desk
    then " at the desk"
    else if phone
    then " in chat"
    else "";
in
  lib.optionalString (sudo.enable && !isCloud && broker.enable) (text.paragraphs [
    (text.flow [
      "`sudo` works as you know it, with one difference: before a command runs, ${human} is asked${place}, and the"
      "command waits. No answer within ${toString timeout} seconds is a no."
    ])
    (text.bullets [
      [
        "Ask in small steps: one plain command with its arguments, such as `sudo systemctl restart nginx`."
        "Whoever answers sees exactly these words and has to be able to judge them at a glance."
        "No `sudo bash -c …`, no script of your own, no chain."
      ]
      "Say in a sentence what it is for, then run it, once."
      [
        "A no is an answer. Don't repeat the command, and don't look for another way to the same end: say what you"
        "could not do, and go on with what you can."
      ]
      (lib.optionals (sudo.preApproved != []) [
        "These run at once, without anybody being asked: ${text.codes sudo.preApproved}."
        "Here `*` stands for plain words: an option that is not known to be harmless, a `VAR=value` in front, `-u`,"
        "`-s` or `-i` make it a question. They run in `/`, without a terminal, with empty standard input."
      ])
      (lib.optionalString (sudo.deny != []) "These are always refused, so don't try: ${text.codes sudo.deny}.")
      [
        "`sudo -n COMMAND` asks nobody: what is neither pre-approved nor granted fails at once with \"a password is"
        "required\". There is no password. `sudo -l` lists what is pre-approved, and what you were granted for some"
        "minutes."
      ]
      [
        "`sudo -e` is not served: write the new file in your home and ask for `sudo install` or `sudo cp`."
      ]
    ])
  ])
