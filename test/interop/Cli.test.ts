/** The command line as a person and a script use it. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import * as Directory from "../support/Directory.ts";
import * as Engine from "../support/Engine.ts";
import * as Folders from "../support/Folders.ts";
import * as Need from "../support/Need.ts";
import * as Scene from "../support/Scene.ts";
import { until } from "../support/Until.ts";

Need.suite("command line", [], () => {
  const engine = Engine.forSuite(() => ({}));

  test("every read prints JSON and nothing else when asked", async () => {
    for (const verb of ["calls", "cdr", "doctor"]) {
      const ran = await engine().cli(verb, "--json");
      expect(ran.code, ran.output).toBe(0);
      expect(() => JSON.parse(ran.stdout), ran.stdout).not.toThrow();
    }
  });

  test("a call is shown with its messages and its records", async () => {
    await Scene.goodCall(engine());
    const [cdr] = await Engine.cdrs(engine(), 1);
    const ladder = JSON.stringify(await engine().call(cdr?.call ?? ""));
    for (
      const word of ["INVITE", "180", "200", "BYE", "CallOffered", "CallAnswered", "CallEnded"]
    ) {
      expect(ladder).toContain(word);
    }
    expect(ladder).not.toContain(Directory.secretOf("1001"));
  });

  test("a call that nobody knows is an error, for programs too", async () => {
    for (const flags of [[], ["--json"]]) {
      const ran = await engine().cli("call", "nosuchcall", ...flags);
      expect(ran.code).not.toBe(0);
      expect(ran.stdout).toBe("");
      expect(ran.output).toContain("nosuchcall");
      Engine.isReadable(ran);
    }
  });

  test("doctor counts the phones that are registered", async () => {
    const phone = await Scene.registered(engine(), "1003");
    await until("a registered phone in doctor", async () => {
      const { output } = await engine().cli("doctor");
      return /phones: [1-9]\d* contacts of [1-9]\d* users are registered/.test(output);
    }, 10_000);
    await phone.close();
  });

  test("help has an example for each verb", async () => {
    for (const verb of ["start", "apply", "calls", "call", "cdr", "doctor"]) {
      const ran = await engine().cli(verb, "--help");
      expect(ran.code, ran.output).toBe(0);
      expect(ran.output).toContain(`tandem ${verb}`);
    }
  });

  test("an unknown verb or flag is an error that names it", async () => {
    for (const args of [["frobnicate"], ["calls", "--frobnicate"]]) {
      const ran = await engine().cli(...args);
      expect(ran.code).not.toBe(0);
      expect(ran.output).toContain("frobnicate");
      Engine.isReadable(ran);
    }
  });

  test("without an engine a read says how to start one", async () => {
    const data = join(Folders.make("data"), "data");
    mkdirSync(data);
    const ran = await Engine.cli(["calls", "--json"], { TANDEM_DATA: data });
    expect(ran.code).not.toBe(0);
    expect(ran.stdout).toBe("");
    expect(ran.output).toContain(data);
    expect(ran.output).toMatch(/start/);
    Engine.isReadable(ran);
  });
});
