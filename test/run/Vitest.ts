/** Runs vitest under Deno and counts what it says, test case by test case. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Outcome } from "./Outcome.ts";
import * as Process from "./Process.ts";

interface Report {
  readonly success: boolean;
  readonly testResults: ReadonlyArray<{
    readonly name: string;
    readonly status: string;
    readonly message: string;
    readonly assertionResults: ReadonlyArray<{
      readonly status: string;
      readonly fullName: string;
    }>;
  }>;
}

export interface Request {
  readonly config: string;
  /** Parts of file paths; none means all of the configuration. */
  readonly files?: ReadonlyArray<string>;
  readonly env?: Readonly<Record<string, string>>;
  readonly live?: boolean;
  readonly deadlineMs: number;
}

export const run = async (request: Request): Promise<Outcome> => {
  const folder = mkdtempSync(join(tmpdir(), "tandem-vitest-"));
  const file = join(folder, "report.json");
  try {
    const ended = await Process.run(Deno.execPath(), [
      ...["run", "--quiet", "--allow-all", "node_modules/vitest/vitest.mjs", "run"],
      ...["--config", request.config, "--reporter=default", "--reporter=json"],
      `--outputFile.json=${file}`,
      ...(request.files ?? []),
    ], {
      env: { NO_COLOR: "1", ...request.env },
      live: request.live ?? false,
      deadlineMs: request.deadlineMs,
    });
    const details = request.live === true ? "" : ended.output;
    return count(ended.code, readReport(file), details);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
};

const readReport = (file: string): Report | undefined => {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return undefined;
  }
};

/**
 * What a skipped case misses, as its name says it (test/support/Need.ts); undefined when it did not
 * run because what it needs broke.
 */
const missing = (fullName: string): string | undefined =>
  /\(skipped: ([^)]+)\)/.exec(fullName)?.[1];

/**
 * A case that did not run counts as failed when its file failed, as skipped else. A file that
 * breaks before it has cases, and an error outside every file, count as one failure.
 */
export const count = (code: number, report: Report | undefined, details: string): Outcome => {
  if (report === undefined) return { passed: 0, failed: 1, skipped: [], details };
  let [passed, failed] = [0, 0];
  const skipped: Array<string> = [];
  for (const { status: ofFile, assertionResults } of report.testResults) {
    const before = failed;
    for (const { status, fullName } of assertionResults) {
      const reason = missing(fullName);
      if (status === "passed") passed += 1;
      else if (status === "failed" || (ofFile === "failed" && reason === undefined)) failed += 1;
      else skipped.push(reason ?? fullName);
    }
    if (ofFile === "failed" && failed === before) failed += 1;
  }
  const unexplained = code !== 0 && failed === 0 ? 1 : 0;
  return { passed, failed: failed + unexplained, skipped, details };
};
