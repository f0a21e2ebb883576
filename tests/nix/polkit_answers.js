// What polkit's rules in the file given say to a user's wishes: polkit's own interface, and no more.
//   node polkit_answers.js RULES USER ACTION… => {ACTION: "yes" | … | null}
const fs = require("fs");
const vm = require("vm");

const [file, user, ...actions] = process.argv.slice(2);
const rules = [];
const Result = { NO: "no", YES: "yes", AUTH_ADMIN: "auth_admin", NOT_HANDLED: null };
const polkit = { Result, addRule: (rule) => rules.push(rule), addAdminRule: () => {}, log: () => {}, spawn: () => "" };
vm.runInNewContext(fs.readFileSync(file, "utf8"), { polkit });

const subject = {
  user, pid: 2, groups: [user], local: true, active: true, seat: "seat0", session: "2",
  isInGroup: (group) => group === user, isInNetGroup: () => false,
};
const answer = (id) => {
  const details = { unit: "nuketown-broker.service", verb: "start", machine: ".host", user: "root" };
  const action = { id, lookup: (key) => details[key] };
  for (const rule of rules) {
    const said = rule(action, subject);
    if (said !== undefined && said !== null) return said;
  }
  return null;
};
process.stdout.write(JSON.stringify(Object.fromEntries(actions.map((id) => [id, answer(id)]))));
