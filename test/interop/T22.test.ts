/** T22: branches and tags that are malformed or without end. */
import { expect, test } from "vitest";
import * as Engine from "../support/Engine.ts";
import * as Hostile from "../support/Hostile.ts";
import * as Need from "../support/Need.ts";
import * as Scene from "../support/Scene.ts";

const long = 64_000;

const branches = [
  "",
  "z9hG4bK",
  '"quoted"',
  ";",
  "=",
  "a b",
  "z9hG4bK\x00",
  "z9hG4bK%n%s",
  "<z9hG4bK>",
  "z9hG4bK,x",
];

const froms: Readonly<Record<string, string | undefined>> = {
  "no From": undefined,
  "no tag": "<sip:a@b>",
  "an empty tag": "<sip:a@b>;tag=",
  "a tag with a control": "<sip:a@b>;tag=\x01",
  "a quoted tag": '<sip:a@b>;tag="a b"',
  "two tags": "<sip:a@b>;tag=1;tag=2",
  "a tag without an end": `<sip:a@b>;tag=${"t".repeat(long)}`,
  "unbalanced quotes": '"a <sip:a@b>;tag=1',
  "no closing bracket": "<sip:a@b;tag=1",
};

Need.suite("T22 branch and tags", [], () => {
  const engine = Engine.forSuite(() => ({}));

  const send = (headers: Hostile.Request["headers"]) =>
    Hostile.send(
      engine(),
      "tcp",
      (socket) => Hostile.build(socket, headers === undefined ? {} : { headers }).text,
    );

  const via = (branch: string) => `SIP/2.0/TCP 127.0.0.1:5999;branch=${branch}`;

  test.for(branches)("T22 branch %j", async (branch) => {
    const { status } = await send({ Via: via(branch) });
    // RFC 2543 peers have no branch, or any: an answer is as good as a refusal, a defect is not.
    expect(status).not.toBe(500);
    expect((await Hostile.probe(engine(), "tcp")).status).toBe(200);
  });

  test("T22 a branch of 64 KB is refused", async () => {
    Hostile.expectRefused(await send({ Via: via(`z9hG4bK${"b".repeat(long)}`) }), "branch");
  });

  test.for(Object.keys(froms))("T22 From with %s", async (name) => {
    const outcome = await send({ From: froms[name] });
    expect(outcome.status).not.toBe(500);
    if (/no From|control|end|unbalanced|bracket/.test(name)) Hostile.expectRefused(outcome, name);
    expect((await Hostile.probe(engine(), "tcp")).status).toBe(200);
  });

  test("T22 a To tag of 64 KB is refused", async () => {
    const outcome = await send({ To: `<sip:a@b>;tag=${"t".repeat(long)}` });
    Hostile.expectRefused(outcome, "To");
  });

  test("T22 a good call after them", () => Scene.goodCall(engine()));
});
