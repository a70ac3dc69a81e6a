/** `npm run prove -- ROW...`: the long form of rows that the project must show; `all` for all. */
import { isRow, type RowName, rows } from "../prove/Rows.ts";
import * as Outcome from "./Outcome.ts";
import * as Process from "./Process.ts";
import * as Rows from "./Rows.ts";
import * as Tools from "./Tools.ts";

const say = (line: string) => process.stdout.write(`${line}\n`);

const names = Object.keys(rows) as ReadonlyArray<RowName>;
const asked = process.argv.slice(2);
const wanted = asked.includes("all") ? names : asked.filter(isRow);

Process.endWithLauncher();
if (wanted.length === 0 || wanted.length < asked.length && !asked.includes("all")) {
  say("usage: npm run prove -- ROW...\n");
  for (const name of names) {
    say(`${name.padEnd(5)} ${rows[name].what}\n      ${JSON.stringify(rows[name].long)}`);
  }
  process.exit(2);
}
const missing = await Tools.ensurePeers();
if (missing !== "") say(missing);
let sum = Outcome.none;
for (const name of wanted) {
  say(`${name}: ${rows[name].what} ${JSON.stringify(rows[name].long)}`);
  const outcome = Outcome.strict(await Rows.prove(name));
  if (outcome.failed > 0) say(outcome.details);
  sum = Outcome.add(sum, outcome);
}
say(`${sum.passed} passed, ${sum.failed} failed, ${sum.skipped.length} skipped`);
process.exit(sum.failed > 0 ? 1 : 0);
