/** Counters in the text format of Prometheus, version 0.0.4. */
import type { Row } from "./Counters.ts";

const escape = (value: string): string =>
  value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");

const labelsOf = ({ labels }: Row): string => {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escape(value)}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
};

/** One family after the other, each with its type; ends with a line end. */
export const print = (rows: ReadonlyArray<Row>): string => {
  const families = new Map<string, Array<Row>>();
  for (const row of rows) families.set(row.name, [...families.get(row.name) ?? [], row]);
  return [...families].map(([name, members]) =>
    [
      `# TYPE tandem_${name} counter\n`,
      ...members.map((row) => `tandem_${name}${labelsOf(row)} ${row.value}\n`),
    ].join("")
  ).join("");
};
