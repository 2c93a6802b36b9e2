// Reads one JSON object from standard input: { secret, body, headers } and says whether the npm library accepts it.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
const require = createRequire(process.argv[2] + "/");
const { Webhook } = require("standardwebhooks");
const cases = JSON.parse(readFileSync(0, "utf8"));
const verdicts = cases.map(({ secret, body, headers }) => {
  try {
    new Webhook(secret).verify(body, headers);
    return "accepted";
  } catch (e) {
    return "refused: " + e.message;
  }
});
console.log(JSON.stringify(verdicts));
