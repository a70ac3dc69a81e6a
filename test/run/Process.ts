/** Child processes of the test runner: run to the end, output kept, none left behind. */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");

export interface Options {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Also write what it says to our own output, while it says it. */
  readonly live?: boolean;
  readonly deadlineMs?: number;
}

export interface Ended {
  readonly code: number;
  readonly output: string;
}

const running = new Set<number>();

/** Runs a command to its end. A command that cannot be started ends with 127. */
export const run = (
  command: string,
  args: ReadonlyArray<string>,
  options: Options = {},
): Promise<Ended> =>
  new Promise((resolve) => {
    const child = spawn(command, [...args], {
      cwd: options.cwd ?? root,
      env: { ...process.env, ...options.env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const { pid } = child;
    if (pid !== undefined) running.add(pid);
    let output = "";
    const keep = (chunk: Uint8Array) => {
      output += new TextDecoder().decode(chunk);
      if (options.live === true) process.stdout.write(chunk);
    };
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    const deadline = options.deadlineMs === undefined ? undefined : setTimeout(() => {
      output += `\nended after ${options.deadlineMs} ms: the deadline of this stage\n`;
      child.kill("SIGTERM");
    }, options.deadlineMs);
    const done = (code: number) => {
      clearTimeout(deadline);
      if (pid !== undefined) running.delete(pid);
      resolve({ code, output });
    };
    child.on("error", (error) => {
      output += error.message;
      done(127);
    });
    child.on("close", (code) => done(code ?? 1));
  });

/** Ends what runs, and us, when a signal says so or the launcher is gone. */
export const endWithLauncher = (): void => {
  const end = () => {
    for (const pid of running) {
      try {
        process.kill(pid, "SIGTERM");
      } catch {
        // It ended by itself in between.
      }
    }
    process.exit(130);
  };
  process.on("SIGINT", end);
  process.on("SIGTERM", end);
  const launcher = Number(process.env["TANDEM_LAUNCHER_PID"]);
  if (!Number.isInteger(launcher) || launcher <= 0) return;
  const watch = setInterval(() => process.ppid !== launcher && end(), 500);
  watch.unref();
};
