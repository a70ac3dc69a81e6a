/**
 * Help, and the main errors, word for word as a person gets them. What differs from machine to
 * machine is normalised; a change of a golden file is a change that users see.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { expect, test } from "vitest";
import * as Engine from "../support/Engine.ts";
import * as Folders from "../support/Folders.ts";
import * as Need from "../support/Need.ts";
import * as Ports from "../support/Ports.ts";
import * as Processes from "../support/Processes.ts";
import * as Scene from "../support/Scene.ts";

interface Said {
  readonly command: string;
  readonly ran: Engine.Ran;
}

/** A transcript: each command, what it printed, and its exit code when that is not 0. */
const transcript = (
  said: ReadonlyArray<Said>,
  names: Readonly<Record<string, string>>,
): string => {
  const text = said.map(({ command, ran }) =>
    [`$ ${command}`, ran.output.trimEnd(), ...(ran.code === 0 ? [] : [`(exit ${ran.code})`])]
      .join("\n")
  ).join("\n\n");
  const volatile = Object.entries(names).sort(([a], [b]) => b.length - a.length);
  return volatile.reduce((all, [found, name]) => all.replaceAll(found, name), `${text}\n`);
};

const asked = async (
  commands: ReadonlyArray<ReadonlyArray<string>>,
  env: Readonly<Record<string, string>>,
): Promise<ReadonlyArray<Said>> => {
  const said: Array<Said> = [];
  for (const args of commands) {
    said.push({ command: ["tandem", ...args].join(" "), ran: await Engine.cli(args, env) });
  }
  return said;
};

const reads = (): void => {
  test("help of every command", async () => {
    const verbs = ["start", "apply", "calls", "call", "cdr", "doctor"];
    const said = await asked([["--help"], ...verbs.map((verb) => [verb, "--help"])], {});
    await expect(transcript(said, {})).toMatchFileSnapshot("golden/help.txt");
  });

  test("a command that is misused", async () => {
    const folder = Folders.make("words");
    const data = join(folder, "data");
    mkdirSync(data, { mode: 0o700 });
    writeFileSync(join(folder, "broken.json"), "{");
    const said = await asked([
      ["frobnicate"],
      ["call"],
      ["calls", "extra"],
      ["calls", "--jsn"],
      ["cdr", "--limit", "0"],
      ["cdr", "--limit"],
      ["apply", join(folder, "none.json")],
      ["apply", join(folder, "broken.json")],
      ["start", "--sip-port", "99999"],
      ["start", "--bind", "0.0.0.0"],
      ["start", "--bind", "localhost"],
      ["start", "--rtp-ports", "5000-5001"],
      ["calls"],
      ["doctor"],
    ], { TANDEM_DATA: data });
    const names = { [folder]: "FOLDER", [`Deno ${Deno.version.deno}`]: "Deno VERSION" };
    await expect(transcript(said, names)).toMatchFileSnapshot("golden/misuse.txt");
  });

  test("a variable is checked as its flag is", async () => {
    // An empty variable is none, as in every shell.
    for (const wrong of ["99999", "abc", "5060 "]) {
      const ran = await Engine.cli(["start"], { TANDEM_SIP_PORT: wrong });
      expect(ran.code).not.toBe(0);
      expect(ran.output).toContain("--sip-port");
    }
  });
};

const starts = (): void => {
  test("a start that is refused says why in one place, and nothing else", async () => {
    const engine = await Engine.start();
    const port = await Ports.free();
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
    const directory = join(Folders.make("words"), "directory.json");
    writeFileSync(
      directory,
      JSON.stringify({
        tenants: [{ id: "Office 1", domain: "a b", colour: 1, exceptions: ["plain"] }],
      }),
    );
    const fresh = Folders.make("words");
    const say = async (command: string, options: Engine.Options): Promise<Said> => ({
      command,
      ran: await Engine.refused(options),
    });
    const said = [
      await say("tandem start (second on a data folder)", { data: engine.data }),
      await say("tandem start (port in use)", { tlsPort: port }),
      ...await asked([["start", "--bind", absent]], { TANDEM_DATA: join(fresh, "data") }),
      await say("tandem start (wrong directory)", { directory }),
      await say("tandem start (no directory file)", { directory: join(fresh, "none.json") }),
    ];
    server.close();
    await engine.stop();
    const names = { [engine.data]: "DATA", [String(port)]: "PORT", [fresh]: "FOLDER" };
    await expect(transcript(said, names)).toMatchFileSnapshot("golden/start.txt");
  });

  test("Ctrl-C ends all of it without a complaint", async () => {
    const engine = await Engine.start();
    const before = engine.output();
    // A terminal sends it to every process of the group: media leaves it to its parent.
    const below = Processes.descendantsOf(engine.pid);
    expect(below).toHaveLength(1);
    for (const pid of below) Processes.signal(pid, "SIGINT");
    await Scene.goodCall(engine);
    expect(Processes.descendantsOf(engine.pid)).toEqual(below);
    for (const pid of [engine.pid, engine.launcher.pid]) Processes.signal(pid, "SIGINT");
    expect(await engine.launcher.exited).toBe(0);
    expect(engine.output().slice(before.length)).toBe("");
    await engine.stop();
  });
};

/** Of the documentation (RFC 5737): no machine has it. */
const absent = "203.0.113.9";

Need.suite("words", [], () => {
  reads();
  starts();
});
