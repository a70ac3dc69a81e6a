/** T17: CSeq beyond every bound. */
import { describe, expect, test } from "vitest";
import * as Engine from "../support/Engine.ts";
import * as Hostile from "../support/Hostile.ts";
import * as Need from "../support/Need.ts";
import * as Scene from "../support/Scene.ts";

const values: Readonly<Record<string, { readonly cseq: string; readonly method?: string }>> = {
  "a method of 100 KB": { cseq: `1 ${"M".repeat(100_000)}`, method: "M".repeat(100_000) },
  "a method of 100 KB that is not the request's": { cseq: `1 ${"M".repeat(100_000)}` },
  "2^31": { cseq: `${2 ** 31} OPTIONS` },
  "2^32 + 1": { cseq: `${2 ** 32 + 1} OPTIONS` },
  "100,000 digits": { cseq: `${"9".repeat(100_000)} OPTIONS` },
  "a negative number": { cseq: "-1 OPTIONS" },
  "no number": { cseq: "OPTIONS" },
  "another method": { cseq: "1 INVITE" },
};

/** A datagram holds no more. */
const largestDatagram = 60_000;

Need.suite("T17 CSeq", [], () => {
  const engine = Engine.forSuite(() => ({}));

  describe.for(["udp", "tcp"] as const)("over %s", (transport) => {
    test.for(Object.keys(values))("T17 %s", async (name) => {
      const { cseq, method } = values[name] ?? { cseq: "" };
      if (transport === "udp" && cseq.length + (method?.length ?? 0) > largestDatagram) {
        // Cut to what fits: still a hundred times what a method may be.
        return await refuse(transport, cseq.slice(0, 30_000), method?.slice(0, 20_000));
      }
      await refuse(transport, cseq, method);
    });
  });

  const refuse = async (transport: "udp" | "tcp", cseq: string, method?: string) => {
    const outcome = await Hostile.send(engine(), transport, (socket) =>
      Hostile.build(socket, {
        headers: { CSeq: cseq },
        ...(method === undefined ? {} : { method }),
      }).text);
    Hostile.expectRefused(outcome, cseq.slice(0, 40));
    expect((await Hostile.probe(engine(), transport)).status).toBe(200);
  };

  test("T17 the largest CSeq that there is, is taken", async () => {
    const outcome = await Hostile.send(
      engine(),
      "udp",
      (socket) => Hostile.build(socket, { headers: { CSeq: `${2 ** 31 - 1} OPTIONS` } }).text,
    );
    expect(outcome.status).toBe(200);
  });

  test("T17 a good call after them", () => Scene.goodCall(engine()));
});
