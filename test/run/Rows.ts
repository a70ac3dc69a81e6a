/** Runs a row of the registry, as a sample or in its long form. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { parameters, type RowName, rows, variable } from "../prove/Rows.ts";
import type { Outcome } from "./Outcome.ts";
import * as Process from "./Process.ts";
import * as Vitest from "./Vitest.ts";

const longMs = 6 * 60 * 60_000;
const sampleMs = 3 * 60_000;

export const configs = {
  unit: "test/vitest.config.ts",
  interop: "test/interop/vitest.config.ts",
} as const;

export const prove = (name: RowName): Promise<Outcome> => {
  process.env[variable] = name;
  const { where } = rows[name];
  if ("program" in where) return program(name, where.program, { live: true, deadlineMs: longMs });
  return Vitest.run({
    config: configs[where.config],
    files: where.files,
    env: { [variable]: name },
    live: true,
    deadlineMs: longMs,
  });
};

/** The sample of a row that no other stage runs: programs. Vitest rows are in their stage. */
export const sample = (name: RowName): Promise<Outcome> | undefined => {
  const { where } = rows[name];
  return "program" in where
    ? program(name, where.program, { live: false, deadlineMs: sampleMs })
    : undefined;
};

/** A program passes when it ends with 0 and said at least one JSON line: each is a case. */
const program = async (
  name: RowName,
  file: string,
  options: { readonly live: boolean; readonly deadlineMs: number },
): Promise<Outcome> => {
  const missing = { passed: 0, failed: 1, skipped: [], details: `${name}: there is no ${file}\n` };
  if (!existsSync(join(Process.root, file))) return missing;
  const chosen = parameters(name);
  const args = "args" in chosen ? chosen.args : [];
  const ended = await Process.run(
    Deno.execPath(),
    ["run", "--quiet", "--allow-all", file, ...args],
    options,
  );
  const lines = ended.output.split("\n").filter(isJson).length;
  const failed = ended.code === 0 && lines > 0 ? 0 : 1;
  return { passed: lines, failed, skipped: [], details: ended.output };
};

const isJson = (line: string): boolean => {
  if (!line.startsWith("{")) return false;
  try {
    JSON.parse(line);
    return true;
  } catch {
    return false;
  }
};
