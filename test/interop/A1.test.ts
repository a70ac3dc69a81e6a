/** A1: from a fresh clone to the first call, with two baresip. */
import { cpSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parameters } from "../prove/Rows.ts";
import * as Baresip from "../support/Baresip.ts";
import { domain } from "../support/Directory.ts";
import * as Engine from "../support/Engine.ts";
import * as Folders from "../support/Folders.ts";
import { endedBy } from "../support/Names.ts";
import * as Need from "../support/Need.ts";
import * as Ports from "../support/Ports.ts";
import * as Processes from "../support/Processes.ts";
import { until } from "../support/Until.ts";

const { rounds } = parameters("A1");

Need.suite("A1 two baresip", ["baresip"], () => {
  const engine = Engine.forSuite(() => ({}));

  test("register, call, answer; each of them hangs up once", async () => {
    const [one, other] = await Promise.all([
      Baresip.start({ extension: "1001", toneHz: 440, engine: engine().sip }),
      Baresip.start({ extension: "1002", toneHz: 880, engine: engine().sip }),
    ]);
    await Promise.all([one.registered(), other.registered()]);
    const enders = Array.from({ length: rounds }, () => [one, other]).flat();
    for (const [index, ender] of enders.entries()) {
      await one.dial(`sip:1002@${domain}`);
      await other.event("CALL_INCOMING");
      await one.event("CALL_RINGING");
      await other.answer();
      await Promise.all([one.event("CALL_ESTABLISHED"), other.event("CALL_ESTABLISHED")]);
      expect(await engine().calls()).toHaveLength(1);
      await ender.hangUp();
      await Promise.all([one.event("CALL_CLOSED"), other.event("CALL_CLOSED")]);
      await Engine.idle(engine());
      const cdrs = await Engine.cdrs(engine(), index + 1);
      expect(cdrs).toHaveLength(index + 1);
      const expected = ender === one ? endedBy.caller : endedBy.callee;
      const latest = cdrs.toSorted((a, b) => a.endedAt < b.endedAt ? -1 : 1).at(-1);
      expect(latest).toMatchObject({
        tenant: "demo",
        caller: "1001",
        callee: "1002",
        dialled: "1002",
        status: 200,
        endedBy: expected,
      });
      expect(latest?.answeredAt).not.toBeNull();
    }
    await Promise.all([one.stop(), other.stop()]);
  });
});

/** Of the working copy, what a clone holds. */
const notCloned = ["node_modules", ".git", ".tools", "data", "coverage"];

const clone = (): string => {
  const folder = Folders.make("clone");
  for (const name of readdirSync(Processes.root).filter((name) => !notCloned.includes(name))) {
    cpSync(join(Processes.root, name), join(folder, name), { recursive: true });
  }
  return folder;
};

/** From the end of the install. */
const startedMs = 15_000;

test("A1 npm start in an empty folder installs, starts and says how to call", async () => {
  const folder = clone();
  const sipPort = await Ports.free();
  const others = await Ports.free("127.0.0.1", 3);
  const args = [
    ...["start", "--", "--bind", "127.0.0.1", "--sip-port", String(sipPort)],
    ...["--tls-port", String(others), "--wss-port", String(others + 1)],
    ...["--https-port", String(others + 2)],
  ];
  const cleared = { TANDEM_PROVE: undefined, TANDEM_NODE: undefined };
  const engine = Processes.start("npm", args, { cwd: folder, env: cleared });
  const context = { context: engine.output };
  await until("install", () => / done in /.test(engine.output()), 120_000, context);
  const said = () => /1001/.test(engine.stdout()) && /1002/.test(engine.stdout());
  await until("two phones and where it listens", said, startedMs, context);
  expect(engine.stdout()).toContain(String(sipPort));
  expect(engine.stdout()).toContain("*43");
  const cli = (...verb: ReadonlyArray<string>) =>
    Processes.start("npm", ["run", "-s", "tandem", "--", ...verb], { cwd: folder, env: cleared });
  const calls = cli("calls", "--json");
  expect(await calls.exited, calls.output()).toBe(0);
  expect(JSON.parse(calls.stdout())).toEqual([]);
  await Processes.end(engine);
});
