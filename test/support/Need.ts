/** Suites that need something from outside: skipped by name where it is missing. */
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { describe } from "vitest";
import { root } from "./Processes.ts";

const onPath = (program: string): boolean =>
  (process.env["PATH"] ?? "").split(delimiter).some((folder) => existsSync(join(folder, program)));

/** The torture messages, handed to the project from outside. */
export const corpus = process.env["TANDEM_CORPUS"] ?? join(root, "../shared/corpus");

const present: Readonly<Record<string, () => boolean>> = {
  sipp: () => onPath("sipp"),
  baresip: () => onPath("baresip"),
  corpus: () => existsSync(join(corpus, "expected.json")),
};

/** `describe`, or a skipped one whose name says what is missing (the runner reads it there). */
export const suite = (
  name: string,
  needs: ReadonlyArray<keyof typeof present & string>,
  body: () => void,
): void => {
  const missing = needs.filter((need) => present[need]?.() !== true);
  if (missing.length === 0) describe(name, body);
  else describe.skip(`${name} (skipped: no ${missing.join(", ")})`, body);
};
