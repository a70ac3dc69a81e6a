/**
 * A lock between processes: a file that holds its owner's pid. The lock of a dead owner is taken
 * over.
 */
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

const pollMs = 200;

/** Runs `work` as the only holder of `path`; fails after `deadlineMs` of waiting for it. */
export const withLock = async ({ path, deadlineMs, onWait }, work) => {
  mkdirSync(dirname(path), { recursive: true });
  const until = Date.now() + deadlineMs;
  for (let waited = false; !claim(path); waited = true) {
    if (!waited) onWait();
    if (Date.now() > until) {
      throw new Error(
        `another launch (process ${ownerOf(path) ?? "unknown"}) has been installing for ` +
          `${Math.round(deadlineMs / 1000)} s.\nRemedy: end it, or delete ${path}, and try again.`,
      );
    }
    if (!isAlive(ownerOf(path))) breakStale(path);
    else await delay(pollMs);
  }
  try {
    return await work();
  } finally {
    rmSync(path, { force: true });
  }
};

const claim = (path) => {
  try {
    writeFileSync(path, String(process.pid), { flag: "wx" });
    return true;
  } catch (error) {
    if (error.code === "EEXIST") return false;
    throw error;
  }
};

const ownerOf = (path) => {
  try {
    const pid = Number(readFileSync(path, "utf8"));
    return Number.isInteger(pid) && pid > 0 ? pid : undefined;
  } catch {
    return undefined;
  }
};

const isAlive = (pid) => {
  if (pid === undefined) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
};

/** Only one waiter at a time looks and deletes, or one could delete what another just claimed. */
const breakStale = (path) => {
  const breaking = `${path}.breaking`;
  if (!claim(breaking)) {
    const crashedMs = 10_000;
    if (ageMs(breaking) > crashedMs) rmSync(breaking, { force: true });
    return;
  }
  try {
    // A claim is empty for an instant before its pid is in it: only an old empty one is stale.
    const writtenMs = 2_000;
    if (!isAlive(ownerOf(path)) && (ownerOf(path) !== undefined || ageMs(path) > writtenMs)) {
      rmSync(path, { force: true });
    }
  } finally {
    rmSync(breaking, { force: true });
  }
};

const ageMs = (path) => {
  try {
    return Date.now() - statSync(path).mtimeMs;
  } catch {
    return 0;
  }
};
