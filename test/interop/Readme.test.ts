/** README.md is true: its commands run, what it names is there, and what is there it names. */
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { DirectoryTenant } from "../../schemas/Directory.ts";
import { Exception } from "../../schemas/Tenant.ts";
import { rows as proven } from "../prove/Rows.ts";
import * as Baresip from "../support/Baresip.ts";
import * as Engine from "../support/Engine.ts";
import * as Folders from "../support/Folders.ts";
import type { CallRow } from "../support/Names.ts";
import * as Need from "../support/Need.ts";
import * as Ports from "../support/Ports.ts";
import * as Processes from "../support/Processes.ts";
import * as Readme from "../support/Readme.ts";
import { until } from "../support/Until.ts";

const { root } = Processes;
const read = (file: string): string => readFileSync(join(root, file), "utf8");

const sourcesBelow = (folder: string): ReadonlyArray<string> =>
  readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts"))
    .map((file) => `${folder}/${file}`);

const foldersBelow = (folder: string): ReadonlyArray<string> =>
  readdirSync(join(root, folder), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => `${folder}/${name}`);

describe("README names what there is", () => {
  test("it stays short", () => {
    expect(Readme.text.trimEnd().split("\n").length).toBeLessThan(250);
  });

  test.for(["README.md", "CHANGELOG.md"])("every link of %s leads somewhere", (file) => {
    const targets = Readme.links(read(file)).filter((target) => !target.startsWith("https://"));
    for (const target of targets) {
      const path = join(root, target);
      expect(existsSync(path), target).toBe(true);
      expect(statSync(path).isDirectory(), target).toBe(
        target.endsWith("/") || !target.includes(".") && target !== "LICENSE",
      );
    }
  });

  test("every folder of src is in the folder map, and no other", () => {
    const named = Readme.table("folder", "holds").map(([cell = ""]) => {
      const [target = ""] = Readme.links(cell);
      expect(cell).toBe(`[${target.replace(/\/$/, "")}](${target})`);
      return target.replace(/\/$/, "");
    });
    const there = [...foldersBelow("src"), "deploy", "schemas", "test", "workers"];
    expect([...named].sort()).toEqual(there.sort());
  });

  test("every RFC row has a source, a test, and an RFC that they speak of", () => {
    const rows = Readme.table("RFC", "sections", "what", "file", "test");
    expect(rows.length).toBeGreaterThan(15);
    const everything = ["src", "schemas", "test"].flatMap(sourcesBelow).map(read).join("\n");
    for (const [rfcs = "", sections = "", , file = "", tested = ""] of rows) {
      for (const number of rfcs.split(", ")) {
        expect(number).toMatch(/^\d{4}$/);
        expect(new RegExp(`RFC ${number}|RFCs? [\\d ,and]*${number}`).test(everything), number)
          .toBe(true);
      }
      expect(sections).not.toBe("");
      expect(Readme.links(file)[0]).toMatch(/^src\/.*\.ts$/);
      expect(Readme.links(tested)[0]).toMatch(/^test\/.*\.test\.ts$/);
    }
  });

  test("its dependencies are those of package.json, with the version that it names", () => {
    const { dependencies, devDependencies } = JSON.parse(read("package.json")) as {
      readonly dependencies: Readonly<Record<string, string>>;
      readonly devDependencies: Readonly<Record<string, string>>;
    };
    const rows = Readme.table("package", "why");
    const named = rows.flatMap(([cell = ""]) => Readme.code(cell));
    const there = [...Object.keys(dependencies), ...Object.keys(devDependencies)];
    expect([...named].sort()).toEqual(there.sort());
    const deno = rows.find(([cell]) => cell === "`deno`")?.[1];
    expect(deno).toContain(dependencies["deno"]);
  });

  test("its directory fields and exceptions are those of the schema", () => {
    const fields = Readme.table("field", "meaning").flatMap(([cell = ""]) => Readme.code(cell));
    expect([...fields].sort()).toEqual(Object.keys(DirectoryTenant.fields).sort());
    const exceptions = Readme.table("exception", "allows", "the price")
      .flatMap(([cell = ""]) => Readme.code(cell));
    expect([...exceptions].sort()).toEqual([...Exception.literals].sort());
  });

  test("its numbers are lines of the bench", () => {
    const bench = sourcesBelow("test/bench").map(read).join("\n")
      .replaceAll("${callsPerSecond}", "200");
    for (
      const [, line = ""] of Readme.table("what", "line of `npm run bench`", "goal", "measured")
    ) {
      const [name = ""] = Readme.code(line);
      expect(bench.includes(`"${name}"`) || bench.includes(`\`${name}\``), name).toBe(true);
    }
  });
});

/** A loopback address of our own, where the usual ports are free. */
const ownAddress = async (): Promise<string> => {
  for (let attempt = 0; attempt < 50; attempt++) {
    const part = () => 2 + Math.floor(Math.random() * 250);
    const ip = `127.${part()}.${part()}.${part()}`;
    const free = await Promise.all([5060, 5061, 5443, 8443].map((port) => Ports.isFree(ip, port)));
    if (free.every(Boolean)) return ip;
  }
  throw new Error("the usual ports are taken on every loopback address");
};

/** Phones without a sound card; all else is as a first start of baresip makes it. */
const soundless = [
  "net_interface 127.0.0.1",
  ...["audio_player", "audio_source", "audio_alert"].map((what) => `${what} aubridge,nowhere`),
  `module_path ${Baresip.modules}`,
  "module g711.so",
  "module aubridge.so",
  "module_tmp account.so",
  "module_app menu.so",
].join("\n");

const startMs = 60_000;
const callMs = 20_000;

/** The setting in which the commands of README.md run, one after the other as they stand there. */
class Setting {
  readonly folder = Folders.make("readme");
  readonly data = join(this.folder, "data");
  readonly phones: Array<Processes.Started> = [];
  engine: Processes.Started | undefined;
  private readonly ip: string;
  private readonly rtp = Ports.rtpRange();

  constructor(ip: string) {
    this.ip = ip;
    for (const extension of ["1001", "1002"]) {
      mkdirSync(join(this.folder, `phone-${extension}`));
      writeFileSync(join(this.folder, `phone-${extension}/config`), `${soundless}\n`);
    }
    const [directory = ""] = Readme.blocks("json");
    writeFileSync(join(this.folder, "office.json"), directory);
  }

  /** Starts a command in the shell: names of the README become those of this setting. */
  private shell(command: string, env: Readonly<Record<string, string>> = {}): Processes.Started {
    const here = command
      .replaceAll("127.0.0.1", this.ip)
      .replaceAll("./data/", `${this.data}/`)
      .replaceAll(" office.json", ` ${this.folder}/office.json`);
    return Processes.start("sh", ["-c", `exec ${here}`], {
      env: {
        TANDEM_PROVE: undefined,
        TANDEM_NODE: undefined,
        TANDEM_LAUNCHER_PID: undefined,
        TANDEM_BIND: this.ip,
        TANDEM_DATA: this.data,
        TANDEM_RTP_PORTS: this.rtp,
        ...env,
      },
    });
  }

  async start(command: string): Promise<void> {
    const engine = this.engine = this.shell(command);
    const said = () => engine.stdout().includes("*43");
    await until("what to dial", said, startMs, { context: engine.output });
    expect(engine.stdout()).toContain(`user 1001  password `);
    expect(engine.stdout()).toContain(`${this.ip}:5060`);
  }

  /** As `kill -9` of the engine's process, and the same command again. */
  async killAndStart(command: string): Promise<void> {
    const engine = this.engine;
    if (engine === undefined) throw new Error("nothing runs");
    const below = Processes.descendantsOf(engine.pid);
    const deno = below.find((pid) => Processes.commandOf(pid).includes("workers/tandem.ts"));
    Processes.signal(deno ?? -1, "SIGKILL");
    await until("the end of all of it", () => !below.some(Processes.isAlive), startMs);
    await this.start(command);
  }

  async phone(command: string): Promise<void> {
    const phone = this.shell(command, { HOME: this.folder });
    this.phones.push(phone);
    const event = command.includes("/dial ") ? /Call established/ : /\[1 binding\]/;
    await until(String(event), () => event.test(phone.output()), callMs, {
      context: phone.output,
    });
  }

  async tandem(command: string): Promise<Engine.Ran> {
    const ran = this.shell(command);
    const code = await ran.exited;
    return { code, stdout: ran.stdout(), output: ran.output() };
  }

  async live(): Promise<ReadonlyArray<CallRow>> {
    const { stdout } = await this.tandem("npm run -s tandem -- calls --json");
    return JSON.parse(stdout) as ReadonlyArray<CallRow>;
  }
}

/** What each command must have printed; `ID` is the call that is up. */
const prints: Readonly<Record<string, RegExp>> = {
  "npm run -s tandem -- calls": /up +1001 +1002/,
  "npm run -s tandem -- cdr": /no ended calls|start \(UTC\)/,
  "npm run -s tandem -- call ID": /INVITE[^]*CallOffered[^]*CallAnswered/,
  "npm run -s tandem -- doctor": /ok +phones: 2 contacts of 2 users are registered/,
  "npm run -s tandem -- apply office.json --dry-run":
    /add +office: user 201[^]*nothing was applied/,
  "npm run -s tandem -- apply office.json": /add +office: trunk carrier[^]*\napplied/,
};

Need.suite("README commands", ["baresip"], () => {
  let setting: Setting;
  beforeAll(async () => {
    setting = new Setting(await ownAddress());
  });

  test.for([...Readme.commands])("%s", async (command) => {
    if (command === "npm start") return await setting.start(command);
    if (command.startsWith("baresip ")) return await setting.phone(command);
    // These two run this file, or what it is part of: that they do is what can be checked here.
    if (command === "npm test") return expect(read(".ci/run")).toMatch(/npm run -s test$/m);
    const scripts = read("deploy/launch/permissions.mjs");
    if (command === "npm run bench") {
      const { where } = proven.A7;
      const program = "program" in where ? where.program : undefined;
      return expect(scripts).toContain(`development("${program}")`);
    }
    const [, row] = /^npm run prove -- (\w+)$/.exec(command) ?? [];
    if (row !== undefined) return expect(Object.keys(proven)).toContain(row);
    const expected = prints[command];
    if (expected === undefined) throw new Error("no setting for this command");
    const [call] = await setting.live();
    const ran = await setting.tandem(command.replace(" ID", ` ${call?.call}`));
    expect(ran.code, ran.output).toBe(0);
    expect(ran.output).toMatch(expected);
  });

  test("every command that must print something is in the README", () => {
    expect(Readme.commands).toEqual(expect.arrayContaining(Object.keys(prints)));
  });

  test("its table of verbs is that of the help", async () => {
    const { output } = await setting.tandem("npm run -s tandem -- --help");
    const helped = output.slice(output.indexOf("SUBCOMMANDS")).trimEnd().split("\n").slice(1);
    const verbs = helped.map((line) => line.trim().split(" ")[0]);
    const named = Readme.table("verb", "does").map(([cell = ""]) =>
      Readme.code(cell)[0]?.split(" ")[0]
    );
    expect(named).toEqual(verbs);
  });

  test("after kill -9 and npm start the call is still there, and ends properly", async () => {
    const [before] = await setting.live();
    await setting.killAndStart("npm start");
    const [after] = await setting.live();
    expect(after?.call).toBe(before?.call);
    for (const phone of setting.phones) await Processes.end(phone);
    const ended = /hangup/;
    await until("its CDR", async () => {
      const { output } = await setting.tandem("npm run -s tandem -- cdr");
      return ended.test(output);
    }, callMs);
  });
});
