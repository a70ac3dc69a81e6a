/** The real product, started the way a user starts it, in a data folder of its own. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, expect } from "vitest";
import * as Directory from "./Directory.ts";
import * as Folders from "./Folders.ts";
import * as Hostile from "./Hostile.ts";
import { allCdrs, type CallRow, type CdrRow, type CounterRow, rtpPorts } from "./Names.ts";
import * as Ports from "./Ports.ts";
import * as Processes from "./Processes.ts";
import * as RawSip from "./RawSip.ts";
import type { Address } from "./SipMessage.ts";
import { until, within } from "./Until.ts";

export interface Options {
  readonly directory?: unknown;
  readonly data?: string;
  readonly ip?: string;
  readonly sipPort?: number;
  readonly tlsPort?: number;
  readonly wssPort?: number;
  readonly httpsPort?: number;
  readonly env?: Readonly<Record<string, string>>;
}

export interface Engine {
  readonly sip: Address;
  readonly tls: Address;
  readonly wss: Address;
  readonly https: Address;
  /** PEM, of all its TLS listeners. */
  readonly certificate: () => string;
  readonly data: string;
  /** From the command to the first answer of the SIP port. */
  readonly readyMs: number;
  /** The Deno process below the launcher. */
  readonly pid: number;
  readonly launcher: Processes.Started;
  readonly isAlive: () => boolean;
  readonly output: () => string;
  /**
   * SIGKILL to the engine, or to the launcher above it; returns when engine, launcher and media
   * worker are all gone, because none may outlive another.
   */
  readonly kill: (victim?: "engine" | "launcher") => Promise<void>;
  /** Asks the launcher to end; its exit code. */
  readonly stop: () => Promise<number>;
  /** The same command again on the same data folder and ports. */
  readonly again: () => Promise<Engine>;
  readonly calls: () => Promise<ReadonlyArray<CallRow>>;
  readonly cdrs: () => Promise<ReadonlyArray<CdrRow>>;
  readonly call: (id: string) => Promise<unknown>;
  /** Sum of a counter over its labels, or over those rows that have these. */
  readonly counted: (name: string, labels?: CounterRow["labels"]) => Promise<number>;
  readonly counters: () => Promise<ReadonlyArray<CounterRow>>;
  readonly cli: (...args: ReadonlyArray<string>) => Promise<Ran>;
}

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly output: string;
}

/** 15 s are promised after the install; the machine may be busy. */
const startMs = 30_000;
const cliMs = 30_000;
const endMs = 15_000;
const shownCharacters = 8_000;
/** Each look through the CLI is a process of its own. */
const cliPollMs = 250;

/** Only what the test names: our own TANDEM_* must not reach the engine that we test. */
const environment = (env: Readonly<Record<string, string>>) => {
  const cleared = Object.keys(process.env)
    .filter((name) => name.startsWith("TANDEM_"))
    .map((name): [string, string | undefined] => [name, undefined]);
  return {
    ...Object.fromEntries(cleared),
    // Makes the launcher watch us, so that an engine never outlives a test run that was killed.
    npm_lifecycle_event: "test",
    ...env,
  };
};

const node = process.env["TANDEM_NODE"] ?? "node";
const launcher = join(Processes.root, "deploy/launch.mjs");

const launch = (
  args: ReadonlyArray<string>,
  env: Readonly<Record<string, string>>,
): Processes.Started =>
  Processes.start(node, [launcher, "tandem", ...args], { env: environment(env) });

export const cli = async (
  args: ReadonlyArray<string>,
  env: Readonly<Record<string, string>> = {},
): Promise<Ran> => {
  const ran = launch(args, env);
  const code = await within(`end of tandem ${args.join(" ")}`, ran.exited, cliMs, ran.output);
  return { code, stdout: ran.stdout(), output: ran.output() };
};

/** A complete set of arguments: free ports, a new data folder, the demo directory. */
const prepare = async (options: Options) => {
  const ip = options.ip ?? "127.0.0.1";
  const sipPort = options.sipPort ?? await Ports.free(ip);
  const data = options.data ?? join(Folders.make("data"), "data");
  const directory = typeof options.directory === "string"
    ? options.directory
    : Directory.write(options.directory ?? Directory.demo());
  const others = await Ports.free(ip, 3);
  const tlsPort = options.tlsPort ?? others;
  const wssPort = options.wssPort ?? others + 1;
  const httpsPort = options.httpsPort ?? others + 2;
  const env = { [rtpPorts]: Ports.rtpRange(), ...options.env };
  const args = [
    ...["start", "--data", data, "--directory", directory, "--bind", ip],
    ...["--sip-port", String(sipPort), "--tls-port", String(tlsPort)],
    ...["--wss-port", String(wssPort)],
    ...["--https-port", String(httpsPort)],
  ];
  return { ip, sipPort, tlsPort, wssPort, httpsPort, data, args, env };
};

/** Starts it and expects it to end by itself: what it said and its exit code. */
export const refused = async (options: Options): Promise<Ran> => {
  const { args, env } = await prepare(options);
  const ran = launch(args, env);
  try {
    const code = await within("end of a refused start", ran.exited, startMs, ran.output);
    return { code, stdout: ran.stdout(), output: ran.output() };
  } finally {
    await Processes.end(ran);
  }
};

export const start = async (options: Options = {}): Promise<Engine> => run(await prepare(options));

type Prepared = Awaited<ReturnType<typeof prepare>>;

const run = async (prepared: Prepared): Promise<Engine> => {
  const { ip, sipPort, data, args, env } = prepared;
  const startedAt = performance.now();
  const process_ = launch(args, env);
  const sip = { ip, port: sipPort };
  await listening(process_, sip);
  const readyMs = performance.now() - startedAt;
  const pid = Processes.childrenOf(process_.pid).find((child) =>
    Processes.commandOf(child).includes("workers/tandem.ts")
  );
  if (pid === undefined) throw new Error(`no Deno process below the launcher`);
  const read = async (...verb: ReadonlyArray<string>): Promise<unknown> => {
    const ran = await cli([...verb, "--json"], { ...env, TANDEM_DATA: data });
    if (ran.code !== 0) throw new Error(`tandem ${verb.join(" ")}: ${ran.code}\n${ran.output}`);
    try {
      return JSON.parse(ran.stdout);
    } catch {
      throw new Error(`tandem ${verb.join(" ")} --json printed no JSON:\n${ran.stdout}`);
    }
  };
  const counters = async () =>
    (await read("doctor") as { counters: ReadonlyArray<CounterRow> }).counters;
  const engine: Engine = {
    sip,
    tls: { ip, port: prepared.tlsPort },
    wss: { ip, port: prepared.wssPort },
    https: { ip, port: prepared.httpsPort },
    certificate: () => readFileSync(join(data, "tls/certificate.pem"), "utf8"),
    data,
    readyMs,
    pid,
    launcher: process_,
    isAlive: () => Processes.isAlive(pid),
    output: process_.output,
    kill: async (victim = "engine") => {
      running.delete(engine);
      const below = [pid, ...Processes.descendantsOf(pid)];
      Processes.signal(victim === "engine" ? pid : process_.pid, "SIGKILL");
      await within("end of the launcher", process_.exited, endMs);
      const gone = () => !below.some(Processes.isAlive);
      await until("end of the engine and what it had started", gone, endMs);
    },
    stop: async () => {
      running.delete(engine);
      Processes.signal(process_.pid, "SIGTERM");
      return await within("end of the engine", process_.exited, endMs, process_.output);
    },
    again: () => run(prepared),
    calls: async () => await read("calls") as ReadonlyArray<CallRow>,
    cdrs: async () => await read(...allCdrs) as ReadonlyArray<CdrRow>,
    call: (id) => read("call", id),
    counters,
    counted: async (name, labels) => {
      const rows = (await counters()).filter((row) => row.name === name);
      // Rows with labels are made by what they count; a name alone must exist.
      if (rows.length === 0 && labels === undefined) throw new Error(`there is no counter ${name}`);
      return rows
        .filter((row) =>
          Object.entries(labels ?? {}).every(([label, value]) => row.labels[label] === value)
        )
        .reduce((sum, row) => sum + row.value, 0);
    },
    cli: (...verb) => cli(verb, { ...env, TANDEM_DATA: data }),
  };
  running.set(engine, 0);
  return engine;
};

/** Waits until the SIP port answers an OPTIONS that is for the engine itself. */
const listening = async (process_: Processes.Started, sip: Address): Promise<void> => {
  const socket = await RawSip.udp({ remote: sip, ip: sip.ip });
  try {
    const end = performance.now() + startMs;
    while (socket.received.length === 0) {
      if (process_.exitCode() !== undefined) {
        throw new Error(`tandem start ended with ${process_.exitCode()}:\n${process_.output()}`);
      }
      if (performance.now() > end) {
        throw new Error(
          `no answer to OPTIONS from ${sip.ip}:${sip.port} within ${startMs} ms of the start:\n` +
            process_.output(),
        );
      }
      socket.send(Hostile.build(socket).text);
      await delay(100);
    }
  } catch (error) {
    await Processes.end(process_);
    throw error;
  } finally {
    await socket.close();
  }
};

/** No stack trace of ours, in any form: a person reads this. */
export const isReadable = ({ output }: Ran) => {
  expect(output).not.toMatch(/^\s+at .*\.ts:\d+/m);
  expect(output).not.toMatch(/Uncaught|\[object Object\]|FiberFailure/);
};

/** Waits until no call is live; nothing of a call may outlive it by more than 64 s. */
export const idle = (engine: Engine, deadlineMs = 64_000): Promise<true> =>
  until("no live call", async () => (await engine.calls()).length === 0, deadlineMs, {
    pollMs: cliPollMs,
  });

/** As many CDRs as `count`, when the last one is written. */
export const cdrs = (engine: Engine, count: number): Promise<ReadonlyArray<CdrRow>> =>
  until(
    `${count} CDRs`,
    async () => {
      const rows = await engine.cdrs();
      return rows.length >= count ? rows : undefined;
    },
    10_000,
    { pollMs: cliPollMs },
  );

/** Engines of this test file that no test has ended, and how much of their output was shown. */
const running = new Map<Engine, number>();

/** Shows the end of what it said since the last time. */
const show = (engine: Engine): void => {
  const output = engine.output();
  const fresh = output.slice(running.get(engine) ?? 0).slice(-shownCharacters);
  running.set(engine, output.length);
  if (fresh !== "") process.stderr.write(`--- engine ${engine.pid} ---\n${fresh}\n`);
};

/**
 * For every file that starts engines: after each test all that should live do; when the test
 * failed, what they said is shown.
 */
export const watch = (): void => {
  afterEach((context) => {
    const all = [...running.keys()];
    const dead = all.filter((engine) => !engine.isAlive());
    for (const engine of context.task.result?.state === "fail" ? all : dead) show(engine);
    for (const engine of dead) running.delete(engine);
    expect(dead.length, "engines that died").toBe(0);
  });
  // What still runs is ended with the file, and is then no engine that died.
  afterAll(() => running.clear());
};

/** One engine for all tests of a suite. */
export const forSuite = (options: () => Options | Promise<Options>): () => Engine => {
  let engine: Engine | undefined;
  watch();
  beforeAll(async () => {
    engine = await start(await options());
  }, startMs + 10_000);
  return () => {
    if (engine === undefined) throw new Error("the engine did not start");
    return engine;
  };
};
