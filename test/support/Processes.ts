/** Processes that a test starts: known by pid, output kept, ended with all below them. */
import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { until } from "./Until.ts";

export const root = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");

export interface Started {
  readonly pid: number;
  readonly stdout: () => string;
  /** stdout and stderr as they came. */
  readonly output: () => string;
  /** Undefined while it runs; 128 + n when signal n ended it. */
  readonly exitCode: () => number | undefined;
  readonly exited: Promise<number>;
}

export interface Options {
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
}

const started = new Set<Started>();
const signalNumbers: Readonly<Record<string, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGABRT: 6,
  SIGKILL: 9,
  SIGSEGV: 11,
  SIGTERM: 15,
};

export const start = (
  command: string,
  args: ReadonlyArray<string>,
  options: Options = {},
): Started => {
  const child = spawn(command, [...args], {
    cwd: options.cwd ?? root,
    env: { ...process.env, ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let output = "";
  let code: number | undefined;
  const decode = () => {
    const decoder = new TextDecoder();
    return (chunk: Uint8Array) => decoder.decode(chunk, { stream: true });
  };
  const [decodeOut, decodeError] = [decode(), decode()];
  child.stdout.on("data", (chunk: Uint8Array) => {
    const said = decodeOut(chunk);
    stdout += said;
    output += said;
  });
  child.stderr.on("data", (chunk: Uint8Array) => (output += decodeError(chunk)));
  const { pid } = child;
  const exited = new Promise<number>((resolve) => {
    const ended = (value: number) => {
      code ??= value;
      started.delete(self);
      resolve(code);
    };
    child.on("error", (error) => {
      output += error.message;
      ended(127);
    });
    child.on("close", (exit, signal) => ended(exit ?? 128 + (signalNumbers[signal ?? ""] ?? 0)));
  });
  const self: Started = {
    pid: pid ?? -1,
    stdout: () => stdout,
    output: () => output,
    exitCode: () => code,
    exited,
  };
  if (pid !== undefined) started.add(self);
  return self;
};

/** Asks it to end, and ends it with everything that it started when it does not within 5 s. */
export const end = async (process_: Started): Promise<void> => {
  const below = descendantsOf(process_.pid);
  signal(process_.pid, "SIGTERM");
  try {
    const gone = () => process_.exitCode() !== undefined && !below.some(isAlive);
    await until("end of the process", gone, 5_000);
  } catch {
    for (const pid of [process_.pid, ...below]) signal(pid, "SIGKILL");
  }
};

export const endAll = async (): Promise<void> => {
  await Promise.all([...started].map(end));
};

// A test run that is itself ended has no time left to ask.
process.on("exit", () => {
  for (const one of started) {
    for (const pid of [one.pid, ...descendantsOf(one.pid)]) signal(pid, "SIGKILL");
  }
});

export const signal = (pid: number, name: "SIGTERM" | "SIGKILL" | "SIGINT" | "SIGSTOP") => {
  try {
    if (pid > 0) process.kill(pid, name);
  } catch {
    // It is gone: what we wanted.
  }
};

/** A zombie is dead: it only waits for its parent to read its exit code. */
export const isAlive = (pid: number): boolean => {
  const known = tree().get(pid);
  return known !== undefined && !known.zombie;
};

export const childrenOf = (pid: number): ReadonlyArray<number> =>
  [...tree()].filter(([, one]) => one.parent === pid && !one.zombie).map(([child]) => child);

export const descendantsOf = (pid: number): ReadonlyArray<number> =>
  childrenOf(pid).flatMap((child) => [child, ...descendantsOf(child)]);

/** Command line of a process, its arguments separated by spaces. */
export const commandOf = (pid: number): string => {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
  } catch {
    return "";
  }
};

interface Known {
  readonly parent: number;
  readonly zombie: boolean;
}

const tree = (): ReadonlyMap<number, Known> => {
  const known = new Map<number, Known>();
  if (!existsSync("/proc/self/stat")) throw new Error("the interop suites need /proc (Linux)");
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "utf8");
      const [state, parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      known.set(Number(name), { parent: Number(parent), zombie: state === "Z" });
    } catch {
      // It ended while we were reading.
    }
  }
  return known;
};
