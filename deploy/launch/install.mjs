/**
 * Installs the dependencies of the lock file, unless they are there already.
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, realpathSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { withLock } from "./lock.mjs";

const deadlineMs = 10 * 60_000;

/** `dev` asks for the development dependencies too; an install that has more is good enough. */
export const install = async ({ root, dev }) => {
  if (isCurrent(root, dev)) return;
  const path = join(root, ".tools/install.lock");
  const onWait = () => process.stderr.write("tandem: another launch is installing, waiting\n");
  await withLock({ path, deadlineMs, onWait }, async () => {
    if (isCurrent(root, dev)) return;
    if (!isInstalled(root, dev)) await run(root, dev);
    const stamp = { lock: hashOfLock(root), dev: dev || isInstalled(root, true) };
    writeFileSync(stampOf(root), JSON.stringify(stamp));
  });
};

/**
 * The native Deno binary. Where install scripts are blocked, `node_modules/.bin/deno` is a wrapper
 * that swallows signals, and only the platform's package holds the binary.
 */
export const denoBinary = (root) => {
  const file = process.platform === "win32" ? "deno.exe" : "deno";
  const scope = join(root, "node_modules/@deno");
  const platforms = existsSync(scope) ? readdirSync(scope) : [];
  const candidates = [
    join(root, "node_modules/deno", file),
    ...platforms.map((platform) => join(scope, platform, file)),
  ];
  const found = candidates.find((candidate) => existsSync(candidate));
  if (found === undefined) {
    throw new Error(
      `no Deno binary for ${process.platform} ${process.arch} under node_modules.\n` +
        "Remedy: delete node_modules and run the same command again, with optional dependencies " +
        "allowed (npm config get omit). Deno's package serves Linux with glibc, macOS and Windows.",
    );
  }
  return realpathSync(found);
};

const stampOf = (root) => join(root, "node_modules/.tandem-install.json");

const hashOfLock = (root) =>
  createHash("sha256").update(readFileSync(join(root, "package-lock.json"))).digest("hex");

const isCurrent = (root, dev) => {
  const stamp = readJson(stampOf(root));
  return stamp?.lock === hashOfLock(root) && (stamp.dev === true || !dev);
};

/** What a user's own `npm install` left is as good: npm lists it in a lock file of its own. */
const isInstalled = (root, dev) => {
  const wanted = readJson(join(root, "package-lock.json"))?.packages ?? {};
  const present = readJson(join(root, "node_modules/.package-lock.json"))?.packages ?? {};
  return Object.entries(wanted).every(([path, entry]) =>
    path === "" || entry.optional === true || entry.peer === true || (entry.dev === true && !dev) ||
    (present[path]?.version === entry.version && present[path]?.integrity === entry.integrity)
  );
};

const readJson = (path) => {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return undefined;
  }
};

/**
 * `npm ci` empties node_modules first. Where a started engine may be running from it, the
 * development dependencies are only added: same lock file, nothing else touched.
 */
const commandFor = (root, dev) =>
  dev && isInstalled(root, false)
    ? ["install", "--no-save", "--include=dev"]
    : ["ci", dev ? "--include=dev" : "--omit=dev"];

const run = async (root, dev) => {
  const args = [...commandFor(root, dev), "--no-audit", "--no-fund"];
  process.stderr.write(`tandem: installing (npm ${args.join(" ")}) ... `);
  const startedAt = Date.now();
  // Under `npm run -s` npm would keep the reason of a failure to itself.
  const { code, output } = await npm(root, [...args, "--loglevel=error"]);
  if (code === 0) {
    process.stderr.write(`done in ${((Date.now() - startedAt) / 1000).toFixed(1)} s\n`);
    return;
  }
  process.stderr.write("failed\n");
  throw new Error(
    `npm ended with ${code} and said:\n\n${output.trim()}\n\n` +
      "Remedy: check that this machine reaches its npm registry (npm ping), that the disk is not " +
      "full and that the folder is writable; then run the same command again.",
  );
};

/** The npm that runs us, else the one on the path. */
const npm = (root, args) => {
  const own = process.env.npm_execpath;
  const [command, first] = own !== undefined && /npm-cli\.c?js$/.test(own)
    ? [process.execPath, [own]]
    : ["npm", []];
  const windows = process.platform === "win32" && command === "npm";
  return new Promise((resolve) => {
    const child = spawn(command, [...first, ...args], {
      cwd: root,
      stdio: ["ignore", "pipe", "pipe"],
      shell: windows,
    });
    let output = "";
    child.stdout.on("data", (chunk) => (output += chunk));
    child.stderr.on("data", (chunk) => (output += chunk));
    child.on("error", (error) => resolve({ code: error.code ?? 1, output: error.message }));
    child.on("close", (code, signal) => resolve({ code: code ?? signal, output }));
  });
};
