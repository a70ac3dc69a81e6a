/** `npm test [-- STAGE...]`: runs the stages, a line for each, the sum as the last line. */
import { rows } from "../prove/Rows.ts";
import * as Outcome from "./Outcome.ts";
import * as Portability from "./Portability.ts";
import * as Process from "./Process.ts";
import * as Rows from "./Rows.ts";
import * as Tools from "./Tools.ts";
import * as Vitest from "./Vitest.ts";

type Stage = () => Promise<Outcome.Outcome>;

const deno = (...args: ReadonlyArray<string>): Stage => async () =>
  Outcome.ofCommand(await Process.run(Deno.execPath(), args, { env: { NO_COLOR: "1" } }));

/** In this order: what fails soonest comes first. */
const stages: Readonly<Record<string, Stage>> = {
  types: deno("run", "--quiet", "--allow-all", "node_modules/typescript/bin/tsc", "-p", "."),
  lint: deno("lint", "--quiet"),
  format: deno("fmt", "--check"),
  unit: () => Vitest.run({ config: Rows.configs.unit, deadlineMs: 10 * 60_000 }),
  portability: Portability.check,
  interop: async () => {
    const said = await Tools.ensurePeers();
    const outcome = await Vitest.run({ config: Rows.configs.interop, deadlineMs: 20 * 60_000 });
    return { ...outcome, details: said + outcome.details };
  },
  prove: async () => {
    let sum = Outcome.none;
    for (const name of Object.keys(rows) as ReadonlyArray<keyof typeof rows>) {
      const outcome = await Rows.sample(name);
      if (outcome === undefined) continue;
      sum = { ...Outcome.add(sum, outcome), details: sum.details + outcome.details };
    }
    return sum;
  },
};

const isCi = ["true", "1"].includes(process.env["CI"] ?? "");

const say = (line: string) => process.stdout.write(`${line}\n`);

const report = (name: string, outcome: Outcome.Outcome, startedAt: number) => {
  if (outcome.failed > 0) {
    say(`\n--- ${name} ---\n${outcome.details.trimEnd()}\n--- end of ${name} ---\n`);
  }
  const counts = [
    `${outcome.passed} passed`,
    ...(outcome.failed > 0 ? [`${outcome.failed} failed`] : []),
    ...(outcome.skipped.length > 0 ? [`${outcome.skipped.length} skipped`] : []),
  ].join(", ");
  const reasons = Outcome.reasons(outcome).map((reason) => `; skipped: ${reason}`).join("");
  const seconds = ((Date.now() - startedAt) / 1000).toFixed(1);
  const verdict = outcome.failed > 0 ? "FAILED" : "ok";
  say(`${name.padEnd(12)} ${verdict.padEnd(7)} ${seconds.padStart(6)} s  ${counts}${reasons}`);
};

Process.endWithLauncher();
const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !Object.hasOwn(stages, name));
if (unknown.length > 0) {
  say(`no stage ${unknown.join(", ")}; there are: ${Object.keys(stages).join(", ")}`);
  process.exit(2);
}
let sum = Outcome.none;
for (const [name, stage] of Object.entries(stages)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  const startedAt = Date.now();
  const outcome = isCi ? Outcome.strict(await stage()) : await stage();
  report(name, outcome, startedAt);
  sum = Outcome.add(sum, outcome);
}
say(`${sum.passed} passed, ${sum.failed} failed, ${sum.skipped.length} skipped`);
process.exit(sum.failed > 0 ? 1 : 0);
