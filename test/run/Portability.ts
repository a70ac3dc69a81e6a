/** Loads all modules that must also run on Node. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import * as Outcome from "./Outcome.ts";
import { root, run } from "./Process.ts";
import { ensureNode } from "./Tools.ts";

const folders = ["schemas", "src"];

/** The first module of a thread talks to its parent at once: nothing can import it for a look. */
const isThread = (file: string): boolean =>
  /import [^;]*\b(parentPort|workerData)\b[^;]* from "node:worker_threads"/.test(
    readFileSync(file, "utf8"),
  );

const modules = (): ReadonlyArray<string> =>
  folders
    .map((folder) => join(root, folder))
    .filter((folder) => existsSync(folder))
    .flatMap((folder) =>
      readdirSync(folder, { recursive: true, encoding: "utf8" })
        .filter((file) => file.endsWith(".ts"))
        .map((file) => join(folder, file))
        .filter((file) => !isThread(file))
    )
    .sort();

export const check = async (): Promise<Outcome.Outcome> => {
  const found = await ensureNode();
  if ("missing" in found) return { ...Outcome.skipped(found.missing), details: found.details };
  const files = modules();
  const args = ["--no-warnings", "test/run/portable.mjs", ...files];
  const ended = await run(found.node, args, { deadlineMs: 120_000 });
  const last = ended.output.trim().split("\n").at(-1) ?? "";
  const failed = /^\{"failed":\d+\}$/.test(last) ? Number(JSON.parse(last).failed) : files.length;
  return { passed: files.length - failed, failed, skipped: [], details: ended.output };
};
