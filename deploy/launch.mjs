/**
 * The only thing a user's machine must have is Node >= 20 with npm. This script installs what the
 * repository needs (Deno among it, from its npm package) and runs one of the entries with exactly
 * the permissions of launch/permissions.mjs.
 *
 *     node deploy/launch.mjs tandem start --sip-port 5060
 *     node deploy/launch.mjs test unit
 */
const oldestNode = 20;

if (Number(process.versions.node.split(".")[0]) < oldestNode) {
  process.stderr.write(
    `tandem: needs Node ${oldestNode} or newer to start, this is ${process.versions.node}.\n` +
      "Remedy: install a current Node.js (https://nodejs.org) and run the same command again.\n",
  );
  process.exit(1);
}

// Imported only now, so that an older Node reads the message above and not a syntax error.
const { entries, root } = await import("./launch/permissions.mjs");
const { denoBinary, install } = await import("./launch/install.mjs");
const { run } = await import("./launch/run.mjs");

const [name = "", ...args] = process.argv.slice(2);
const entry = entries[name];
if (entry === undefined) {
  process.stderr.write(`usage: node deploy/launch.mjs ${Object.keys(entries).join(" | ")} ...\n`);
  process.exit(2);
}
try {
  await install({ root, dev: entry.dev });
  const deno = denoBinary(root);
  const { flags, env } = entry.grant(args, deno);
  process.exitCode = await run({
    deno,
    env,
    args: ["run", ...flags, ...args],
  });
} catch (error) {
  process.stderr.write(`tandem: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
