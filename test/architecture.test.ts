/**
 * The shape of the repository: who may import whom, what pure code may touch, how long things are.
 */
import { execFileSync } from "node:child_process";
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
 * Folder -> what it may import: folders, single files, or `types:` of either. Own files always.
 * Nobody may import `workers`; of a port's folder everybody but `role` sees only the port.
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
  // The rows that `projection` makes, and the shard that they come from.
  store: [...contract, "types:journal/Journal.ts", "types:projection"],
  vault: contract,
  telemetry: contract,
  // A port with an adapter for each runtime, because edge and media open the same sockets.
  udp: contract,
  actor: [...contract, "telemetry", "journal/Journal.ts", "bus/Bus.ts"],
  host: [
    ...contract,
    ...["call", "user", "tenant", "actor", "telemetry", "sdp"],
    // It feeds them: pure code cannot.
    "projection",
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
  // One of them is the command line.
  workers: ["role", "cli"],
};

/**
 * Packages by folder or file. Besides, `effect` is everybody's, of which pure code has its data
 * modules alone, and `node:` belongs to all that is not pure.
 */
const packages: Readonly<Record<string, ReadonlyArray<string>>> = {
  "schemas/rpc": ["effect/rpc"],
  // Call ids and shards are hashes (design section 5), and so are branches and digests.
  kernel: ["@noble/hashes"],
  sip: ["@noble/hashes"],
  // Octets to text and back, eight times as fast as by TextDecoder; it exists in both runtimes.
  "src/kernel/Text.ts": ["node:buffer"],
  // WebSockets of phones.
  edge: ["ws"],
  api: ["effect/rpc", "@effect/platform-node"],
  cli: ["effect/rpc", "effect/cli", "@effect/platform-node"],
  // A certificate for the first start; the library wants reflect-metadata to be there.
  role: ["@peculiar/x509", "reflect-metadata", "@effect/platform-node"],
  workers: ["effect/cli", "@effect/platform-node"],
};

const pure = ["schemas", "kernel", ...protocols, "projection", "call", "user", "tenant"];

/** Effect's data modules: values and their descriptions, nothing that runs. */
const dataModules = new Set(["Schema", "Option", "Result", "Either", "Data", "Brand", "Redacted"]);

/** Ambient time, randomness and input/output (law 4), in whatever form they are read. */
const ambient = new Set([
  ...["process", "Deno", "console", "crypto", "performance", "fetch", "WebSocket", "Worker"],
  ...["setTimeout", "setInterval", "setImmediate", "queueMicrotask", "Temporal", "navigator"],
  ...["globalThis", "global", "self", "window", "require", "eval", "WeakRef"],
]);

/** Time as a value, and what is no more than arithmetic. */
const harmless = /^(new Date\(\.\.\.\)|Date\.(parse|UTC)|Math\.(?!random$)\w+)$/;

const isAmbient = (use: string): boolean => {
  const name = use.replace(/^new /, "").replace(/\W.*$/, "");
  return ambient.has(name) || (/^(Date|Math)$/.test(name) && !harmless.test(use));
};

/** Folder of a file by its path: `src/sip/transaction/Key.ts` is `sip`. */
const folderOf = (path: string): string => {
  const [top = "", second = ""] = path.split("/");
  return top === "src" ? second : top;
};

/** What ships, and keeps to the table; tests and the launcher keep to the limits. */
const isProduct = (path: string): boolean => /^(schemas|src|workers)\//.test(path);

const problemWithImport = (path: string, one: Source.Import): string | undefined => {
  const folder = folderOf(path);
  if (one.from === "") return `${path} imports what only the run knows`;
  if (!one.from.startsWith(".")) return problemWithPackage(path, folder, one);
  const target = relative(root, join(root, dirname(path), one.from));
  const targetFolder = folderOf(target);
  if (targetFolder === folder) return undefined;
  const allowed = mayImport[folder] ?? [];
  const names = [targetFolder, target.replace(/^src\//, "")];
  const found = names.some((name) =>
    allowed.includes(name) || (one.typeOnly && allowed.includes(`types:${name}`))
  );
  return found ? undefined : `${path} imports ${target}`;
};

const problemWithPackage = (
  path: string,
  folder: string,
  { from, names, namespace }: Source.Import,
): string | undefined => {
  const isPure = pure.includes(folder);
  const listed = [folder, dirname(path), path].flatMap((place) => packages[place] ?? []);
  // @noble/hashes has one as well.
  if (isPure && names.includes("randomBytes")) return `${path} imports randomBytes`;
  if (listed.some((name) => from === name || from.startsWith(`${name}/`))) return undefined;
  if (from.startsWith("node:") && !isPure) return undefined;
  if (from !== "effect") return `${path} imports ${from}`;
  const running = isPure
    ? [...names, ...namespace === undefined ? [] : ["all"]].filter((name) => !dataModules.has(name))
    : [];
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
    ...(isProduct(path)
      ? source.imports.flatMap((one) => problemWithImport(path, one) ?? [])
      : source.imports.filter(({ from }) => /(^|\/)workers\//.test(from))
        .map(({ from }) => `${path} imports ${from}`)),
    ...(pure.includes(folder)
      ? [...source.uses].filter(isAmbient).map((use) => `${path} uses ${use}`)
      : []),
    ...(lines.length > most ? [`${path} has ${lines.length} lines`] : []),
    ...(wide >= 0 ? [`${path}:${wide + 1} is wider than ${limits.columns} columns`] : []),
    ...(source.exports.includes("default") && !path.endsWith(".config.ts")
      ? [`${path} has a default export`]
      : []),
    // Tests are lists: a suite is read case by case.
    ...(path.startsWith("test/") ? [] : source.functions)
      .filter(({ lines }) => lines > limits.functionLines)
      .map(({ name, lines }) => `${path}: ${name} has ${lines} lines`),
  ];
};

const filesUnder = (folder: string): ReadonlyArray<string> =>
  readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((file) => /\.(ts|mjs)$/.test(file))
    .map((file) => `${folder}/${file}`);

const folders = ["schemas", "src", "workers", "test", "deploy"];
const files = folders.flatMap(filesUnder);
const textOf = (file: string): string => readFileSync(join(root, file), "utf8");

describe("every file keeps to the table and the limits", () => {
  test.each(folders)("%s", (folder) => {
    const problems = files.filter((file) => file.startsWith(`${folder}/`))
      .flatMap((file) => problemsOf(file, textOf(file)));
    expect(problems).toEqual([]);
  });

  test("every folder of src has its line in the table", () => {
    const folders = readdirSync(join(root, "src"));
    expect(folders.filter((folder) => mayImport[folder] === undefined)).toEqual([]);
  });
});

describe("the checks find what they are for", () => {
  const long = `export const f = () => {\n${"  g();\n".repeat(70)}};\n`;
  const body = long.slice(long.indexOf("{"), -2);
  test.each<[string, string, string, string]>([
    ["a folder that is not allowed", "src/sip/X.ts", 'import { A } from "../edge/A.ts";', "edge"],
    ["an adapter", "src/host/X.ts", 'import * as S from "../store/Sqlite.ts";', "Sqlite"],
    ["an adapter of UDP", "src/edge/X.ts", 'import * as U from "../udp/Deno.ts";', "udp/Deno"],
    ["an adapter's types", "src/store/X.ts", 'import type { S } from "../journal/Sqlite.ts";', "S"],
    ["another kind of actor", "src/call/X.ts", 'import type { S } from "../user/State.ts";', "us"],
    ["values of sip in a call", "src/call/X.ts", 'import * as U from "../sip/Uri.ts";', "sip/Uri"],
    ["values of sip in a host", "src/host/X.ts", 'import * as U from "../sip/Uri.ts";', "sip/Uri"],
    ["a type by import()", "src/user/X.ts", 'export type A = import("../sip/Uri.ts").Uri;', "sip"],
    ["a re-export", "src/sip/X.ts", 'export { A } from "../edge/A.ts";', "edge/A"],
    ["an import while running", "src/sip/X.ts", 'export const a = import("../edge/A.ts");', "A"],
    ["an import by name", "src/edge/X.ts", "export const a = (n: string) => import(n);", "run"],
    ["a thread", "src/sip/X.ts", 'export const u = new URL("../edge/A.ts", import.meta.url);', "A"],
    ["a worker", "src/role/X.ts", 'import "../../workers/tandem.ts";', "imports workers"],
    ["a worker, by a test", "test/X.ts", 'import "../workers/tandem.ts";', "workers/tandem"],
    ["a test, by what ships", "src/role/X.ts", 'import "../../test/support/Until.ts";', "test"],
    ["an unlisted package", "src/edge/X.ts", 'import { x } from "left-pad";', "left-pad"],
    ["Node in pure code", "src/sdp/X.ts", 'import { x } from "node:fs";', "node:fs"],
    ["Buffer elsewhere", "src/sip/X.ts", 'import { Buffer } from "node:buffer";', "node:buffer"],
    ["effects in pure code", "src/call/X.ts", 'import { Effect } from "effect";', "Effect"],
    ["all of effect", "src/call/X.ts", 'import * as All from "effect";', "all of effect"],
    ["a module of effect", "src/call/X.ts", 'import * as C from "effect/Clock";', "effect/Clock"],
    ["ambient time", "src/call/X.ts", "export const now = () => Date.now();", "Date.now"],
    ["ambient time, taken apart", "src/call/X.ts", "export const { now } = Date;", "uses Date"],
    ["ambient time by Date", "src/call/X.ts", "export const now = () => new Date();", "new Date()"],
    ["ambient time as text", "src/call/X.ts", "export const now = () => Date();", "Date()"],
    ["a clock", "src/call/X.ts", "export const now = () => performance.now();", "performance.now"],
    ["randomness", "src/user/X.ts", "export const r = () => Math.random();", "Math.random"],
    ["randomness, hidden", "src/user/X.ts", 'export const r = Math["random"];', "Math[]"],
    ["strong randomness", "src/user/X.ts", "export const r = crypto.randomUUID();", "crypto"],
    [
      "a package's randomness",
      "src/sip/X.ts",
      'import { randomBytes } from "@noble/hashes/utils.js";',
      "randomBytes",
    ],
    ["the environment", "src/kernel/X.ts", 'export const e = process.env["A"];', "process.env"],
    ["the whole world", "src/sip/X.ts", "export const w = globalThis.fetch;", "globalThis"],
    ["a timer", "src/sip/X.ts", "export const r = () => setTimeout(() => {}, 1);", "setTimeout"],
    ["a timer as a value", "src/sip/X.ts", "export const later = setTimeout;", "setTimeout"],
    ["fetch", "src/sdp/X.ts", 'export const r = fetch("http://a/");', "fetch()"],
    ["a long function", "src/edge/X.ts", long, "f has 72 lines"],
    ["a long generator", "src/edge/X.ts", `const f = g(function* () ${body});`, "72 lines"],
    ["a long method", "src/edge/X.ts", `class A { m() ${body} }`, "m has 72 lines"],
    ["a long file", "src/edge/X.ts", "// line\n".repeat(501), "501 lines"],
    ["a long file of a test", "test/edge/X.test.ts", "// line\n".repeat(501), "501 lines"],
    ["a long worker", "workers/X.ts", "// line\n".repeat(81), "81 lines"],
    ["a wide line", "src/edge/X.ts", `// ${"x".repeat(100)}`, "wider"],
    ["a default export", "src/edge/X.ts", "export default 1;", "default export"],
    ["a default by name", "src/edge/X.ts", "const a = 1;\nexport { a as default };", "default"],
  ])("%s", (_what, path, text, said) => {
    expect(problemsOf(path, text)).toEqual([expect.stringContaining(said)]);
  });

  test("types, own files, listed packages and long classes pass", () => {
    const text = 'import type { Uri } from "../sip/Uri.ts";\nimport { Schema } from "effect";\n' +
      'import * as Own from "./State.ts";\nexport const at = (ms: number) => new Date(ms);\n' +
      "export const day = (at: Date) => Math.floor(Date.UTC(1970) / 2);\n" +
      `export class A {\n${"  m() {}\n".repeat(90)}}\n`;
    expect(problemsOf("src/call/X.ts", text)).toEqual([]);
  });
});

/** `file#name` of every value that `file` takes from `text`'s neighbours. */
const takenBy = (file: string, text: string): ReadonlyArray<string> =>
  Source.read(text).imports.filter(({ from }) => from.startsWith("."))
    .flatMap(({ from, names, namespace }) => {
      const members = namespace === undefined
        ? []
        : [...text.matchAll(new RegExp(`\\b${namespace}\\.(\\w+)`, "g"))].map(([, name]) => name);
      const target = join(dirname(file), from);
      return [...names, ...members].map((name) => `${target}#${name}`);
    });

/** Values that some file of `texts` exports, and no other imports. */
const unusedIn = (texts: ReadonlyMap<string, string>): ReadonlyArray<string> => {
  const taken = new Set([...texts].flatMap(([file, text]) => takenBy(file, text)));
  return [...texts].filter(([file]) => file.startsWith("src/"))
    .flatMap(([file, text]) => Source.read(text).exports.map((name) => `${file}#${name}`))
    .filter((name) => !taken.has(name));
};

describe("what is exported is used elsewhere, if only by a test", () => {
  test("src", () => {
    expect(unusedIn(new Map(files.map((file) => [file, textOf(file)])))).toEqual([]);
  });

  test("an export for nobody is found", () => {
    const texts = new Map([
      ["src/sip/A.ts", "export const a = 1;\nexport const b = a;\nexport const c = b;\n"],
      ["src/sip/B.ts", 'import { a } from "./A.ts";\nexport type T = typeof a;\n'],
      ["test/sip/A.test.ts", 'import * as A from "../../src/sip/A.ts";\nA.b;\n'],
    ]);
    expect(unusedIn(texts)).toEqual(["src/sip/A.ts#c"]);
  });
});

/** What git tracks; without git, what lies there and is not made by running or installing. */
const topLevel = (): ReadonlyArray<string> => {
  try {
    const tracked = execFileSync("git", ["ls-files", "-z"], {
      cwd: root,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
    return [...new Set(tracked.split("\0").filter(Boolean).map((path) => path.split("/")[0]!))];
  } catch {
    const made = new Set(["node_modules", ".tools", "data", ".git", "coverage"]);
    return readdirSync(root).filter((name) => !made.has(name) && !name.endsWith(".log"));
  }
};

/** The package that an import names: `@noble/hashes` of `@noble/hashes/sha2.js`. */
const packageOf = (from: string): string | undefined =>
  /^(\.|node:|$)/.test(from) ? undefined : /^(@[^/]+\/)?[^/]+/.exec(from)?.[0];

const packagesOf = (paths: ReadonlyArray<string>): ReadonlySet<string> =>
  new Set(
    paths.flatMap((file) => Source.read(textOf(file)).imports)
      .flatMap(({ from }) => packageOf(from) ?? []),
  );

/** Packages that nobody imports. */
const unimported: Readonly<Record<string, string>> = {
  deno: "the runtime, which the launcher starts",
  typescript: "the compiler of the stage `types`",
  "@types/deno": "read by the compiler",
  "@types/node": "read by the compiler",
  "@types/ws": "read by the compiler",
};

describe("the repository", () => {
  const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as Record<
    "dependencies" | "devDependencies",
    Readonly<Record<string, string>>
  >;

  test("the top level holds what it should and nothing else", () => {
    const required = [
      ...["src", "workers", "schemas", "deploy", "test", "deno.json", "package.json"],
      ...["tsconfig.json", "LICENSE", "package-lock.json", ".ci", ".gitignore"],
    ];
    const allowed = new Set([...required, "README.md", "CHANGELOG.md"]);
    const found = topLevel();
    expect(found.filter((name) => !allowed.has(name))).toEqual([]);
    expect(required.filter((name) => !found.includes(name))).toEqual([]);
  });

  test("every version is exact", () => {
    const versions = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies });
    expect(versions.filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version)))
      .toEqual([]);
  });

  test("what is installed is imported, and what is imported is installed", () => {
    const { dependencies, devDependencies } = manifest;
    const shipped = packagesOf(files.filter((file) => !file.startsWith("test/")));
    const all = packagesOf(files);
    const installed = Object.keys({ ...dependencies, ...devDependencies });
    const isNeeded = (used: ReadonlySet<string>) => (name: string) =>
      used.has(name) || unimported[name] !== undefined;
    expect(Object.keys(dependencies).filter((name) => !isNeeded(shipped)(name))).toEqual([]);
    expect(installed.filter((name) => !isNeeded(all)(name))).toEqual([]);
    expect([...shipped].filter((name) => dependencies[name] === undefined)).toEqual([]);
    expect([...all].filter((name) => !installed.includes(name))).toEqual([]);
    expect(Object.keys(unimported).filter((name) => all.has(name))).toEqual([]);
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
