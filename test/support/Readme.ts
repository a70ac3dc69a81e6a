/** README.md as its tests read it: commands, tables, links. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./Processes.ts";

export const text: string = readFileSync(join(root, "README.md"), "utf8");

/** Contents of the fenced blocks of a language, in order. */
export const blocks = (language: string): ReadonlyArray<string> =>
  [...text.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)]
    .filter(([, found]) => found === language)
    .map(([, , content = ""]) => content);

/** Every line of every `sh` block. */
export const commands: ReadonlyArray<string> = blocks("sh")
  .flatMap((block) => block.split("\n"))
  .filter((line) => line !== "");

/** Cells of the rows of the first table whose head has these columns. */
export const table = (...head: ReadonlyArray<string>): ReadonlyArray<ReadonlyArray<string>> => {
  const lines = text.split("\n");
  const start = lines.indexOf(`| ${head.join(" | ")} |`);
  if (start === -1) throw new Error(`README.md has no table ${head.join(", ")}`);
  const rows = lines.slice(start + 2);
  const length = rows.findIndex((line) => !line.startsWith("|"));
  return rows.slice(0, length === -1 ? rows.length : length)
    .map((line) => line.split("|").slice(1, -1).map((cell) => cell.trim()));
};

/** Targets of all links. */
export const links = (markdown: string): ReadonlyArray<string> =>
  [...markdown.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = ""]) => target);

/** What a cell has in backticks. */
export const code = (cell: string): ReadonlyArray<string> =>
  [...cell.matchAll(/`([^`]+)`/g)].map(([, inside = ""]) => inside);
