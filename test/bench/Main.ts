/**
 * The numbers of the README: `npm run bench` prints one JSON line for each. Engines run in
 * processes of their own, and their runs alternate, so that a slow minute of the machine hits all
 * of them.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface, type Interface } from "node:readline";
import process from "node:process";
import { fileURLToPath } from "node:url";
import * as Load from "./Load.ts";
import * as Report from "./Report.ts";

const sample = process.argv.includes("--sample");
const runs = sample ? 1 : 5;
const sizes = sample
  ? { options: 2_000, registers: 200, calls: 300, up: 200, openSeconds: 2 }
  : { options: 20_000, registers: 1_000, calls: 2_000, up: 2_000, openSeconds: 10 };
const callsPerSecond = 200;
const warmUp = sample ? 100 : 1_000;

interface Usage {
  readonly cpu: { readonly user: number; readonly system: number };
  readonly heap: number;
  readonly rss: number;
}

/** The engine's nursery as the launcher gives it; `gc` to measure what is kept. */
const v8Flags = "--min-semi-space-size=64,--max-semi-space-size=64,--expose-gc";

const here = (file: string) => fileURLToPath(new URL(file, import.meta.url));

const run = (script: string, args: ReadonlyArray<string>): ChildProcess =>
  spawn(process.execPath, [
    ...["run", "--quiet", "--allow-all", `--v8-flags=${v8Flags}`, here(script)],
    ...args,
  ], { stdio: ["pipe", "pipe", "inherit"] });

const lineOf = (lines: Interface): Promise<string> =>
  new Promise((resolve, reject) => {
    const ended = () => reject(new Error("the engine ended"));
    lines.once("close", ended);
    lines.once("line", (line) => {
      lines.off("close", ended);
      resolve(line);
    });
  });

const start = async (journal: "memory" | "embedded") => {
  const child = run("Engine.ts", [journal]);
  const lines = createInterface({ input: child.stdout! });
  const { port } = JSON.parse(await lineOf(lines)) as { readonly port: number };
  const load = Load.make(port);
  const usage = async (what: "cpu" | "memory"): Promise<Usage> => {
    child.stdin!.write(`${what}\n`);
    return JSON.parse(await lineOf(lines)) as Usage;
  };
  /** CPU time of the engine's process for one of `count` operations, us. */
  const cost = async (count: number, work: () => Promise<void>): Promise<number> => {
    const before = await usage("cpu");
    await work();
    const after = await usage("cpu");
    const spent = (u: Usage) => u.cpu.user + u.cpu.system;
    return (spent(after) - spent(before)) / count;
  };
  const stop = async (): Promise<void> => {
    load.close();
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.stdin!.end();
    await ended;
  };
  return { load, usage, cost, stop };
};

type Engine = Awaited<ReturnType<typeof start>>;

const calls = (engine: Engine) =>
  engine.cost(
    sizes.calls,
    () => Load.each(sizes.calls, 50, () => Load.whole(engine.load, "1000")),
  );

/** Calls at a steady rate, whatever the engine does; ms from INVITE to 180. */
const steady = async ({ load }: Engine): Promise<ReadonlyArray<number>> => {
  const count = callsPerSecond * sizes.openSeconds;
  const began = performance.now();
  const ended: Array<Promise<Load.Call>> = [];
  while (ended.length < count) {
    const due = Math.floor((performance.now() - began) * callsPerSecond / 1_000);
    while (ended.length < Math.min(count, due)) ended.push(Load.whole(load, "1000"));
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  return (await Promise.all(ended)).map(({ ringMs }) => ringMs);
};

/** What belongs to a set-up or an end (transactions, remembered replies) lives for 40 s. */
const settled = () => new Promise((resolve) => setTimeout(resolve, sample ? 1_000 : 45_000));

/** Heap of a call that is up, kB. */
const memory = async ({ load, usage }: Engine): Promise<number> => {
  await settled();
  const before = await usage("memory");
  const ids: Array<string> = [];
  const overs: Array<Promise<unknown>> = [];
  await Load.each(sizes.up, 50, () =>
    new Promise<void>((up) => {
      overs.push(
        new Promise((over) =>
          load.dial("1000", (id) => {
            ids.push(id);
            up();
          }, over)
        ),
      );
    }));
  await settled();
  const after = await usage("memory");
  for (const id of ids) load.hangUp(id);
  await Promise.all(overs);
  return (after.heap - before.heap) / sizes.up / 1_000;
};

const script = (file: string): Promise<void> =>
  new Promise((resolve, reject) => {
    const child = run(file, []);
    child.stdout!.pipe(process.stdout);
    child.once("exit", (code) =>
      code === 0 ? resolve() : reject(new Error(`${file} ended with ${code}`)));
  });

const kinds = ["memory", "embedded"] as const;
const engines = { memory: await start("memory"), embedded: await start("embedded") };
const results = {
  options: [] as Array<number>,
  register: [] as Array<number>,
  memory: [] as Array<number>,
  embedded: [] as Array<number>,
  ring: [] as Array<number>,
};
for (const kind of kinds) {
  const { load } = engines[kind];
  await load.register("1000");
  await Load.each(warmUp, 20, () => Load.whole(load, "1000"));
  await Load.each(warmUp, 20, () => load.options());
}
for (let n = 0; n < runs; n++) {
  const { cost, load } = engines.memory;
  results.options.push(
    await cost(sizes.options, () => Load.each(sizes.options, 16, () => load.options())),
  );
  results.register.push(
    await cost(
      sizes.registers,
      () => Load.each(sizes.registers, 16, (one) => load.register(`${1_001 + one}`, 10_000 + n)),
    ),
  );
  for (const kind of kinds) results[kind].push(await calls(engines[kind]));
  results.ring.push(Report.percentile(await steady(engines.embedded), 0.99));
}
Report.line("options_cpu", "us", 25, results.options);
Report.line("register_digest_cpu", "us", 150, results.register);
Report.line("call_cpu_memory_journal", "us", 500, results.memory);
Report.line("call_cpu_embedded_journal", "us", 700, results.embedded);
Report.line(`invite_to_180_p99_at_${callsPerSecond}_per_s`, "ms", 10, results.ring);
Report.line("memory_of_a_call", "kB", 12, [await memory(engines.memory)]);
await Promise.all(kinds.map((kind) => engines[kind].stop()));
for (const file of ["parse.ts", "sdp.ts", "relay.ts"]) await script(file);
