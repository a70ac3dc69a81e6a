/**
 * Runs Deno as if it had been started directly: same terminal, same signals, same exit code.
 */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { constants } from "node:os";

const passedOn = ["SIGINT", "SIGTERM", "SIGHUP"];
/** Ctrl-C reaches the launcher twice, from the terminal and from npm: it is passed on once. */
const sameSignalMs = 500;
const watchMs = 500;
/** An engine that was told to stop may finish its journal for this long. */
const graceMs = 10_000;

/** Resolves with the exit code. */
export const run = ({ deno, args, env }) =>
  new Promise((resolve, reject) => {
    const child = spawn(deno, args, {
      stdio: "inherit",
      env: {
        ...process.env,
        ...env,
        DENO_NO_UPDATE_CHECK: "1",
        // SIGKILL cannot be passed on: whoever runs below ends itself when this is not its parent.
        TANDEM_LAUNCHER_PID: String(process.pid),
        TANDEM_NODE: process.execPath,
      },
    });
    const lastAt = new Map();
    for (const signal of passedOn) {
      process.on(signal, () => {
        const before = lastAt.get(signal) ?? 0;
        lastAt.set(signal, Date.now());
        if (Date.now() - before >= sameSignalMs) child.kill(signal);
      });
    }
    const watch = watchParent(() => {
      child.kill("SIGTERM");
      setTimeout(() => child.kill("SIGKILL"), graceMs).unref();
    });
    child.on("error", reject);
    child.on("exit", (code, signal) => {
      clearInterval(watch);
      resolve(code ?? 128 + (constants.signals[signal] ?? 0));
      for (const signal of passedOn) process.removeAllListeners(signal);
    });
  });

/**
 * Calls `onLost` when the npm that runs us is gone (killed, so that it told nobody). Started any
 * other way the launcher outlives its parent, as under nohup.
 */
const watchParent = (onLost) => {
  if (process.env.npm_lifecycle_event === undefined) return undefined;
  const parent = process.ppid;
  // npm runs scripts in a shell, which some shells leave as a process in between.
  const shell = /^(sh|dash|bash|zsh|ash|busybox)$/.test(procStat(parent)?.command ?? "");
  const above = shell ? procStat(parent)?.parent : undefined;
  const watch = setInterval(() => {
    const orphaned = process.ppid !== parent ||
      (above !== undefined && procStat(parent)?.parent !== above);
    if (!orphaned) return;
    clearInterval(watch);
    onLost();
  }, watchMs);
  return watch;
};

/** Name and parent of a process, where /proc tells. */
const procStat = (pid) => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const end = stat.lastIndexOf(")");
    return {
      command: stat.slice(stat.indexOf("(") + 1, end),
      parent: Number(stat.slice(end + 2).split(" ")[1]),
    };
  } catch {
    return undefined;
  }
};
