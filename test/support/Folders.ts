/** Temporary folders of a test file, removed at its end. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const made = new Set<string>();

export const make = (name: string): string => {
  const folder = mkdtempSync(join(tmpdir(), `tandem-${name}-`));
  made.add(folder);
  return folder;
};

export const removeAll = (): void => {
  for (const folder of made) rmSync(folder, { recursive: true, force: true });
  made.clear();
};

process.on("exit", removeAll);
