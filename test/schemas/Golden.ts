/** The files of `schemas/golden/`: `<kind>/<Tag>.v<version>.json`, or `.v<version>.<more>.json`. */
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL("../../schemas/golden/", import.meta.url));

export interface File {
  /** `call/CallOffered.v1.json`. */
  readonly name: string;
  readonly kind: string;
  readonly tag: string;
  readonly version: number;
}

const read = (name: string): string => readFileSync(join(folder, name), "utf8");

/** All files of samples; one whose name says nothing is a defect. */
export const files = (): ReadonlyArray<File> =>
  readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap(({ name: kind }) =>
      readdirSync(join(folder, kind)).sort().map((file): File => {
        const [, tag, version] = /^(\w+)\.v(\d+)(?:\.\d+)?\.json$/.exec(file) ?? [];
        if (tag === undefined) throw new Error(`${kind}/${file} is not <Tag>.v<version>.json`);
        return { name: `${kind}/${file}`, kind, tag, version: Number(version) };
      })
    );

export const samplesOf = ({ name }: File): ReadonlyArray<unknown> =>
  JSON.parse(read(name)) as ReadonlyArray<unknown>;

export const sumOf = ({ name }: File): string =>
  `${createHash("sha256").update(read(name)).digest("hex")}  ${name}`;

/** The committed sums, line by line. */
export const sums = (): ReadonlyArray<string> => read("SHA256SUMS").trimEnd().split("\n");

/** Writes a new file; fails where there is one. */
export const write = (name: string, samples: ReadonlyArray<unknown>): void => {
  writeFileSync(join(folder, name), `${JSON.stringify(samples, null, 2)}\n`, { flag: "wx" });
};

/** Adds a file and its sum. */
export const add = (kind: string, tag: string, samples: ReadonlyArray<unknown>): string => {
  const version = 1;
  const there = files().filter((file) => file.kind === kind && file.tag === tag).length;
  const more = there === 0 ? "" : `.${there + 1}`;
  const name = `${kind}/${tag}.v${version}${more}.json`;
  mkdirSync(join(folder, kind), { recursive: true });
  write(name, samples);
  const lines = [...sums(), sumOf({ name, kind, tag, version })];
  const sorted = lines.toSorted((a, b) => a.slice(66) < b.slice(66) ? -1 : 1);
  writeFileSync(join(folder, "SHA256SUMS"), `${sorted.join("\n")}\n`);
  return name;
};
