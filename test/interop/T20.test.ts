/** T20: lists without end. */
import { describe, expect, test } from "vitest";
import * as Directory from "../support/Directory.ts";
import * as Engine from "../support/Engine.ts";
import * as Hostile from "../support/Hostile.ts";
import * as Need from "../support/Need.ts";
import * as Scene from "../support/Scene.ts";

const many = (count: number, make: (index: number) => string): ReadonlyArray<string> =>
  Array.from({ length: count }, (_, index) => make(index));

const lists: Readonly<Record<string, Hostile.Request>> = {
  "SUBSCRIBE with 1,000 Accept": {
    method: "SUBSCRIBE",
    uri: `sip:1001@${Directory.domain}`,
    headers: { Event: "presence", Accept: many(1_000, (n) => `application/x-${n}`) },
  },
  "10,000 Via": {
    headers: { Via: many(10_000, (n) => `SIP/2.0/UDP 192.0.2.${n % 250};branch=z9hG4bK${n}`) },
  },
  "10,000 Via in one header": {
    headers: {
      Via: many(10_000, (n) => `SIP/2.0/UDP 192.0.2.${n % 250};branch=z9hG4bK${n}`).join(", "),
    },
  },
  "10,000 Route": { headers: { Route: many(10_000, (n) => `<sip:192.0.2.${n % 250};lr>`) } },
  "10,000 Record-Route": {
    headers: { "Record-Route": many(10_000, (n) => `<sip:192.0.2.${n % 250};lr>`) },
  },
  "10,000 Contact": {
    method: "REGISTER",
    uri: `sip:${Directory.domain}`,
    headers: {
      To: `<sip:1001@${Directory.domain}>`,
      Contact: many(10_000, (n) => `<sip:1001@127.0.0.1:${10_000 + n}>`),
    },
  },
};

/** A list that grows the work by its square would take seconds. */
const reactionMs = 1_000;

Need.suite("T20 lists without end", [], () => {
  const engine = Engine.forSuite(() => ({}));

  describe.for(["udp", "tcp"] as const)("over %s", (transport) => {
    test.for(Object.keys(lists))("T20 %s", async (name) => {
      const startedAt = performance.now();
      const outcome = await Hostile.send(engine(), transport, (socket) => {
        const { text } = Hostile.build(socket, lists[name]);
        // What no datagram holds is cut in the middle of the list.
        return transport === "udp" ? text.slice(0, 60_000) : text;
      });
      Hostile.expectRefused(outcome, name);
      await Hostile.probe(engine(), transport);
      const answered = outcome.status !== undefined || outcome.ended;
      if (answered) expect(performance.now() - startedAt).toBeLessThan(reactionMs);
    });
  });

  test("T20 a good call after them", () => Scene.goodCall(engine()));
});
