/**
 * What may be launched, and the whole of what each may touch. Deno denies all that is not named.
 */
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

export const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..");

/**
 * The `tandem` command, which is also the engine when its verb is `start`.
 *
 * | permission | granted                       | because                                      |
 * | ---------- | ----------------------------- | -------------------------------------------- |
 * | net        | all                           | phones, trunks and media are anywhere        |
 * | read       | repository, data, files named | its code, its state, what the user hands it  |
 * | write      | data folder                   | journal, projections, keys                   |
 * | env        | TANDEM_*                      | configuration; any other name reads as unset |
 * | run        | this Deno, for `start` alone  | the media worker is a process of its own     |
 * | ffi        | nothing                       | FFI never meets secrets                      |
 */
const tandem = (args, deno) => {
  const data = resolve(option(args, "--data") ?? process.env.TANDEM_DATA ?? join(root, "data"));
  const start = args[0] === "start";
  return {
    flags: [
      ...shared,
      "--allow-net",
      `--allow-read=${list([root, data, ...filesNamed(args)])}`,
      `--allow-write=${list([data])}`,
      "--allow-env=TANDEM_*",
      "--ignore-env",
      ...(start ? [`--allow-run=${list([deno])}`, engineHeap] : []),
      join(root, "workers/tandem.ts"),
    ],
    env: { TANDEM_DATA: data },
  };
};

/**
 * A call's transactions live for 40 s: in V8's default nursery they are copied again and again.
 * 64 MB of it cost 10 to 15 % less CPU for a call (`npm run bench`).
 */
const engineHeap = "--v8-flags=--min-semi-space-size=64,--max-semi-space-size=64";

/** A missing permission is an error, never a question; nothing is fetched at run time. */
const shared = ["--quiet", "--no-prompt", "--no-remote", `--config=${join(root, "deno.json")}`];

/** Development tools start compilers, peers and engines: they are trusted as their user is. */
const development = (script) => () => ({
  flags: [...shared, "--allow-all", join(root, script)],
  env: {},
});

export const entries = {
  tandem: { dev: false, grant: tandem },
  test: { dev: true, grant: development("test/run/Main.ts") },
  prove: { dev: true, grant: development("test/run/Prove.ts") },
  bench: { dev: true, grant: development("test/bench/Main.ts") },
};

/** Deno splits its lists at commas and reads a doubled one as part of a path. */
const list = (paths) => paths.map((path) => path.replaceAll(",", ",,")).join(",");

const option = (args, name) => {
  const joined = args.find((argument) => argument.startsWith(`${name}=`));
  if (joined !== undefined) return joined.slice(name.length + 1);
  const at = args.indexOf(name);
  return at === -1 ? undefined : args[at + 1];
};

/** Directory files: `--directory FILE` and `apply FILE`. */
const filesNamed = (args) => {
  const directory = option(args, "--directory") ?? process.env.TANDEM_DIRECTORY;
  const applied = args[0] === "apply" ? args.slice(1).filter((a) => !a.startsWith("-")) : [];
  return [...(directory === undefined ? [] : [directory]), ...applied].map((file) => resolve(file));
};
