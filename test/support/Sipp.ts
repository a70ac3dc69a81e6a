/**
 * SIPp with our own scenarios (test/interop/scenarios). A scenario is a template: `%{name}` is a
 * value that SIPp itself cannot set (`%{name=usual}`), `%{> part}` is the file of scenarios/parts
 * that the value `part` names, or else the one of that name.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { domain } from "./Directory.ts";
import * as Folders from "./Folders.ts";
import * as Ports from "./Ports.ts";
import * as Processes from "./Processes.ts";
import type { Address } from "./SipMessage.ts";
import { later, within } from "./Until.ts";

export interface Options {
  /** File name without `.xml`. */
  readonly scenario: string;
  readonly remote?: Address;
  readonly ip?: string;
  readonly port?: number;
  readonly transport?: "udp" | "tcp";
  /** Calls in all. */
  readonly calls?: number;
  readonly perSecond?: number;
  /** Values of the template. */
  readonly values?: Readonly<Record<string, string | number>>;
  /** Lines of the injection file, fields separated by `;`. */
  readonly fields?: ReadonlyArray<string>;
  /** The digest's URI without its scheme; SIPp's own choice is the engine's address. */
  readonly authUri?: string;
  /** After this SIPp gives up, and fails. */
  readonly deadlineMs?: number;
}

export interface Result {
  readonly successful: number;
  readonly failed: number;
  readonly created: number;
  /** All columns of SIPp's statistics, as they were at the end. */
  readonly statistics: Readonly<Record<string, string>>;
}

export interface Running {
  readonly address: Address;
  /** Resolves when all calls are done; an error says which message was not as expected. */
  readonly done: Promise<Result>;
  /** Ends it: for a scenario that would go on waiting for calls. */
  readonly stop: () => Promise<Result>;
}

const scenarios = join(Processes.root, "test/interop/scenarios");
const shownLines = 120;

/** The scenario with its parts and values in place. */
export const expand = (
  name: string,
  values: Readonly<Record<string, string | number>> = {},
): string => {
  const read = (file: string) => readFileSync(join(scenarios, file), "utf8");
  const withParts = read(`${name}.xml`).replace(
    /%\{> ([\w-]+)\}/g,
    (_, part: string) => read(`parts/${values[part] ?? part}.xml`),
  );
  return withParts.replace(/%\{([\w-]+)(?:=([^}]*))?\}/g, (_, key: string, usual?: string) => {
    const value = values[key] ?? usual;
    if (value === undefined) throw new Error(`scenario ${name} needs a value for ${key}`);
    return String(value);
  });
};

/** Starts SIPp; for a scenario that waits for calls, only when its port listens. */
export const start = async (options: Options): Promise<Running> => {
  const ip = options.ip ?? "127.0.0.1";
  const port = options.port ?? await Ports.free(ip, 2);
  const folder = Folders.make("sipp");
  const ran = Processes.start("sipp", arguments_(options, ip, port, folder), { cwd: folder });
  const waits = options.remote === undefined;
  if (waits) {
    const listening = options.transport === "tcp" ? Ports.takenTcp : Ports.taken;
    await Promise.race([listening(ip, port, 5_000), ran.exited]);
  }
  const result = (code: number): Result => {
    const counted = read(folder);
    if (code !== 0) throw new Error(explain(options, code, folder, ran));
    return counted;
  };
  const deadlineMs = (options.deadlineMs ?? 30_000) + 10_000;
  const done = later(
    within(
      `end of SIPp ${options.scenario}`,
      ran.exited,
      deadlineMs,
      () => explain(options, -1, folder, ran),
    ).then(result),
  );
  return {
    address: { ip, port },
    done,
    stop: async () => {
      await Processes.end(ran);
      return read(folder);
    },
  };
};

export const run = async (options: Options): Promise<Result> => (await start(options)).done;

const arguments_ = (
  options: Options,
  ip: string,
  port: number,
  folder: string,
): ReadonlyArray<string> => {
  const scenario = join(folder, "scenario.xml");
  writeFileSync(scenario, expand(options.scenario, { domain, ...options.values }));
  const fields = join(folder, "fields.csv");
  if (options.fields !== undefined) {
    writeFileSync(fields, ["SEQUENTIAL", ...options.fields, ""].join("\n"));
  }
  const calls = options.calls ?? 1;
  const perSecond = options.perSecond ?? 10;
  return [
    ...(options.remote === undefined ? [] : [`${options.remote.ip}:${options.remote.port}`]),
    ...["-sf", scenario, "-i", ip, "-p", String(port), "-mi", ip],
    ...["-t", options.transport === "tcp" ? "t1" : "u1"],
    ...["-m", String(calls), "-r", String(perSecond), "-l", String(Math.max(calls, 10))],
    ...(options.fields === undefined ? [] : ["-inf", fields]),
    ...(options.authUri === undefined ? [] : ["-auth_uri", options.authUri]),
    ...["-nostdin", "-skip_rlimit", "-default_behaviors", "all,-bye,-pingreply"],
    ...["-timeout", `${Math.ceil((options.deadlineMs ?? 30_000) / 1000)}s`, "-timeout_error"],
    ...["-trace_stat", "-stf", join(folder, "statistics.csv"), "-fd", "1"],
    ...["-trace_err", "-error_file", join(folder, "errors.log")],
    ...["-trace_msg", "-message_file", join(folder, "messages.log")],
  ];
};

/** The last line of the statistics under the names of the first. */
const read = (folder: string): Result => {
  const file = join(folder, "statistics.csv");
  const lines = existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : [];
  const names = lines[0]?.split(";") ?? [];
  const values = lines.at(-1)?.split(";") ?? [];
  const statistics = Object.fromEntries(
    names.flatMap((name, index) => name === "" ? [] : [[name, values[index] ?? ""]]),
  );
  return {
    successful: Number(statistics["SuccessfulCall(C)"] ?? 0),
    failed: Number(statistics["FailedCall(C)"] ?? 0),
    created: Number(statistics["TotalCallCreated"] ?? 0),
    statistics,
  };
};

const codes: Readonly<Record<string, string>> = {
  "-1": "did not end in time",
  "1": "at least one call failed",
  "97": "gave up after its timeout",
  "254": "could not bind its port",
  "255": "is not content with its arguments or its scenario",
};

const explain = (options: Options, code: number, folder: string, ran: Processes.Started) => {
  const tail = (file: string) => {
    const known = readdirSync(folder).includes(file);
    const lines = known ? readFileSync(join(folder, file), "utf8").trimEnd().split("\n") : [];
    return lines.slice(-shownLines).join("\n");
  };
  return [
    `SIPp ${options.scenario} ended with ${code}: ${codes[String(code)] ?? "unknown"}`,
    `--- its errors ---\n${tail("errors.log")}`,
    `--- its last messages ---\n${tail("messages.log")}`,
    `--- its output ---\n${ran.output().slice(-1_000)}`,
  ].join("\n");
};
