/**
 * The shape of the repository: who may import whom, what pure code may touch, how long things are.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import * as Source from "./support/Source.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

const protocols = ["sip", "sdp", "rtp"];
const ports = ["journal/Journal.ts", "bus/Bus.ts", "store/Store.ts", "vault/Vault.ts"];
const contract = ["schemas", "kernel"];

/**
 * Folder -> what it may import: folders, single files, or `types:` of a folder. Own files always.
 * What is not obvious: `kernel` hashes, so it needs @noble/hashes; `udp` is a port with an adapter
 * for each runtime, because edge and media open the same sockets; `store` names the rows that
 * `projection` makes and the shard that they come from.
 */
const mayImport: Readonly<Record<string, ReadonlyArray<string>>> = {
  schemas: [],
  kernel: ["schemas"],
  sip: contract,
  sdp: contract,
  rtp: contract,
  projection: contract,
  call: [...contract, "sdp", "types:sip"],
  user: contract,
  tenant: contract,
  journal: contract,
  bus: contract,
  store: [...contract, "types:journal", "types:projection"],
  vault: contract,
  telemetry: contract,
  udp: contract,
  actor: [...contract, "telemetry", "journal/Journal.ts", "bus/Bus.ts"],
  host: [
    ...contract,
    ...["call", "user", "tenant", "actor", "projection", "telemetry", "sdp"],
    ...ports,
    "types:sip",
    "sip/Digest.ts",
  ],
  edge: [...contract, ...protocols, "telemetry", "bus/Bus.ts", "udp/Udp.ts"],
  media: [...contract, ...protocols, "telemetry", "bus/Bus.ts", "udp/Udp.ts"],
  api: [...contract, "telemetry", ...ports],
  cli: [...contract, "telemetry", ...ports],
  role: [
    ...contract,
    ...protocols,
    ...["call", "user", "tenant", "projection", "journal", "bus", "store", "vault", "telemetry"],
    ...["udp", "actor", "host", "edge", "media", "api", "cli"],
  ],
  workers: ["role", "cli"],
};

/** Packages by folder; `effect` is everybody's, `node:*` whatever is not pure. */
const packages: Readonly<Record<string, ReadonlyArray<string>>> = {
  "schemas/rpc": ["effect/rpc"],
  kernel: ["@noble/hashes", "node:buffer"],
  sip: ["@noble/hashes", "node:buffer"],
  edge: ["ws"],
  api: ["effect/rpc", "@effect/platform-node"],
  cli: ["effect/rpc", "effect/cli", "@effect/platform-node"],
  role: ["@peculiar/x509", "reflect-metadata", "@effect/platform-node"],
  workers: ["effect/cli", "@effect/platform-node"],
};

const pure = ["schemas", "kernel", ...protocols, "projection", "call", "user", "tenant"];

/** Effect's data modules: values and their descriptions, nothing that runs. */
const dataModules = new Set(["Schema", "Option", "Result", "Either", "Data", "Brand", "Redacted"]);

/** Ambient time, randomness and input/output (law 4). */
const ambient = new RegExp(
  `^(${
    [
      ...["Date\\.now", "new Date\\(\\)", "Math\\.random", "performance\\.now", "fetch\\(\\)"],
      ...["crypto\\.\\w+", "process\\.\\w+", "Deno\\.\\w+", "console\\.\\w+"],
      ...["setTimeout\\(\\)", "setInterval\\(\\)", "setImmediate\\(\\)", "queueMicrotask\\(\\)"],
    ].join("|")
  })$`,
);

/** Folder of a file by its path: `src/sip/transaction/Key.ts` is `sip`. */
const folderOf = (path: string): string => {
  const [top = "", second = ""] = path.split("/");
  return top === "src" ? second : top;
};

const isTest = (path: string): boolean => path.startsWith("test/");

const problemWithImport = (path: string, one: Source.Import): string | undefined => {
  const folder = folderOf(path);
  if (!one.from.startsWith(".")) return problemWithPackage(path, folder, one);
  const target = relative(root, join(root, dirname(path), one.from));
  const targetFolder = folderOf(target);
  if (targetFolder === folder) return undefined;
  const allowed = mayImport[folder] ?? [];
  const found = allowed.includes(targetFolder) ||
    allowed.includes(target.replace(/^src\//, "")) ||
    (one.typeOnly && allowed.includes(`types:${targetFolder}`));
  return found ? undefined : `${path} imports ${target}`;
};

const problemWithPackage = (
  path: string,
  folder: string,
  { from, names }: Source.Import,
): string | undefined => {
  const isPure = pure.includes(folder);
  const listed = [...packages[folder] ?? [], ...packages[dirname(path)] ?? []];
  if (listed.some((name) => from === name || from.startsWith(`${name}/`))) return undefined;
  if (from.startsWith("node:") && !isPure) return undefined;
  if (from !== "effect") return `${path} imports ${from}`;
  const running = isPure ? names.filter((name) => !dataModules.has(name)) : [];
  return running.length === 0 ? undefined : `${path} imports ${running.join(", ")} of effect`;
};

const limits = { fileLines: 500, functionLines: 70, columns: 100, workerLines: 80 };

/** All that is wrong with a file. */
const problemsOf = (path: string, text: string): ReadonlyArray<string> => {
  const source = Source.read(text);
  const lines = text.trimEnd().split("\n");
  const folder = folderOf(path);
  const most = folder === "workers" ? limits.workerLines : limits.fileLines;
  const wide = lines.findIndex((line) => line.length > limits.columns);
  return [
    ...(isTest(path)
      ? source.imports
        .filter(({ from }) => /(^|\/)workers\//.test(from))
        .map(({ from }) => `${path} imports ${from}`)
      : source.imports.flatMap((one) => problemWithImport(path, one) ?? [])),
    ...(pure.includes(folder)
      ? [...source.uses].filter((use) => ambient.test(use)).map((use) => `${path} uses ${use}`)
      : []),
    ...(lines.length > most ? [`${path} has ${lines.length} lines`] : []),
    ...(wide >= 0 ? [`${path}:${wide + 1} is wider than ${limits.columns} columns`] : []),
    ...(source.hasDefaultExport && !path.endsWith(".config.ts")
      ? [`${path} has a default export`]
      : []),
    ...(isTest(path) ? [] : source.functions)
      .filter(({ lines }) => lines > limits.functionLines)
      .map(({ name, lines }) => `${path}: ${name} has ${lines} lines`),
  ];
};

const filesUnder = (folder: string): ReadonlyArray<string> =>
  readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts"))
    .map((file) => `${folder}/${file}`);

const files = ["schemas", "src", "workers", "test"].flatMap(filesUnder);

describe("every file keeps to the table and the limits", () => {
  test.each(["schemas", "src", "workers", "test"])("%s", (folder) => {
    const problems = files.filter((file) => file.startsWith(`${folder}/`))
      .flatMap((file) => problemsOf(file, readFileSync(join(root, file), "utf8")));
    expect(problems).toEqual([]);
  });

  test("every folder of src has its line in the table", () => {
    const folders = readdirSync(join(root, "src"));
    expect(folders.filter((folder) => mayImport[folder] === undefined)).toEqual([]);
  });
});

describe("the checks find what they are for", () => {
  const long = `export const f = () => {\n${"  g();\n".repeat(70)}};\n`;
  test.each<[string, string, string]>([
    ["a folder that is not allowed", "src/sip/X.ts", 'import { A } from "../edge/A.ts";'],
    ["an adapter", "src/host/X.ts", 'import * as S from "../store/Sqlite.ts";'],
    ["another kind of actor", "src/call/X.ts", 'import { S } from "../user/State.ts";'],
    ["a value where types are allowed", "src/call/X.ts", 'import * as U from "../sip/Uri.ts";'],
    ["a re-export", "src/sip/X.ts", 'export { A } from "../edge/A.ts";'],
    ["an import while running", "src/sip/X.ts", 'export const a = import("../edge/A.ts");'],
    ["a worker", "src/role/X.ts", 'import "../../workers/tandem.ts";'],
    ["a worker, by a test", "test/X.ts", 'import "../workers/tandem.ts";'],
    ["an unlisted package", "src/edge/X.ts", 'import { x } from "left-pad";'],
    ["Node in pure code", "src/sdp/X.ts", 'import { x } from "node:fs";'],
    ["effects in pure code", "src/call/X.ts", 'import { Effect } from "effect";'],
    ["ambient time", "src/call/X.ts", "export const now = () => Date.now();"],
    ["ambient time by Date", "src/call/X.ts", "export const now = () => new Date();"],
    ["randomness", "src/user/X.ts", "export const r = () => Math.random();"],
    ["a timer", "src/sip/X.ts", "export const r = () => setTimeout(() => {}, 1);"],
    ["a long function", "src/edge/X.ts", long],
    ["a long generator", "src/edge/X.ts", `const f = g(${long.slice(17, -2)});`],
    ["a long file", "src/edge/X.ts", "// line\n".repeat(501)],
    ["a long worker", "workers/X.ts", "// line\n".repeat(81)],
    ["a wide line", "src/edge/X.ts", `// ${"x".repeat(100)}`],
    ["a default export", "src/edge/X.ts", "export default 1;"],
  ])("%s", (_what, path, text) => {
    expect(problemsOf(path, text)).toHaveLength(1);
  });

  test("types, own files and listed packages pass", () => {
    const text = 'import type { Uri } from "../sip/Uri.ts";\nimport { Schema } from "effect";\n' +
      'import * as Own from "./State.ts";\nexport const at = (ms: number) => new Date(ms);\n';
    expect(problemsOf("src/call/X.ts", text)).toEqual([]);
  });
});

describe("the repository", () => {
  const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as Record<
    "dependencies" | "devDependencies",
    Readonly<Record<string, string>>
  >;

  test("the top level holds what it should and nothing else", () => {
    const expected = [
      ...["src", "workers", "schemas", "deploy", "test", "deno.json", "package.json"],
      ...["tsconfig.json", "README.md", "LICENSE", "CHANGELOG.md", "package-lock.json"],
      ...[".ci", ".gitignore"],
    ];
    const own = new Set(["node_modules", ".tools", "data", ".git", "coverage"]);
    const found = readdirSync(root).filter((name) => !own.has(name) && !name.endsWith(".log"));
    expect(found.sort()).toEqual(expected.sort());
  });

  test("every version is exact", () => {
    const versions = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies });
    expect(versions.filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version)))
      .toEqual([]);
  });

  test("every dependency is imported by what ships", () => {
    const text = files.filter((file) => !isTest(file))
      .map((file) => readFileSync(join(root, file), "utf8")).join("\n");
    // The runtime itself, which the launcher starts.
    const unused = Object.keys(manifest.dependencies)
      .filter((name) => name !== "deno" && !text.includes(`"${name}`));
    expect(unused).toEqual([]);
  });

  test("every import of a file leads to a file", () => {
    const broken = files.flatMap((file) =>
      Source.read(readFileSync(join(root, file), "utf8")).imports
        .filter(({ from }) => from.startsWith("."))
        .map(({ from }) => join(root, dirname(file), from))
        .filter((target) => !existsSync(target))
    );
    expect(broken).toEqual([]);
  });
});
