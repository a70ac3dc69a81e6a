/** T16: whatever Content-Length says, no second message is parsed out of a body. */
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import * as Engine from "../support/Engine.ts";
import * as Hostile from "../support/Hostile.ts";
import * as Need from "../support/Need.ts";
import * as RawSip from "../support/RawSip.ts";
import * as Scene from "../support/Scene.ts";
import * as Sip from "../support/SipMessage.ts";
import { until } from "../support/Until.ts";

type Length = (body: string) => string | ReadonlyArray<string> | undefined;

const wrong: Readonly<Record<string, Length>> = {
  "2^32 + 32": () => "4294967328",
  "2^64": () => "18446744073709551616",
  "-1": () => "-1",
  "+5": () => "+5",
  "0x10": () => "0x10",
  "5 5": () => "5 5",
  "5, 5": () => "5, 5",
  "two values": (body) => ["0", String(body.length)],
  "the same value twice": (body) => [String(body.length), String(body.length)],
  "empty": () => "",
  "more than the body": (body) => String(body.length + 1_000),
};

/** Of these the end of a message on a stream cannot be told. */
const onlyTcp: Readonly<Record<string, Length>> = { "missing": () => undefined };
/** What follows is padding of the datagram (RFC 3261 section 18.3). */
const onlyUdp: Readonly<Record<string, Length>> = { "0 before a body": () => "0" };

/** So long a smuggled message has time to be answered; a real one is within milliseconds. */
const quietMs = 400;

Need.suite("T16 Content-Length", [], () => {
  const engine = Engine.forSuite(() => ({}));

  /** Sends a message with another in its body; the answers to each. */
  const smuggle = async (transport: "udp" | "tcp", length: Length) => {
    const socket = await RawSip[transport]({ remote: engine().sip });
    const inner = Hostile.build(socket);
    const outer = Hostile.build(socket, {
      headers: { "Content-Type": "text/plain", "Content-Length": length(inner.text) },
      body: inner.text,
    });
    // `format` states a length where none is given: here it must stay away.
    const missing = length(inner.text) === undefined;
    socket.send(missing ? outer.text.replace(/Content-Length: \d+\r\n/, "") : outer.text);
    const about = (callId: string) =>
      socket.received.filter((message) => Sip.header(message, "call-id") === callId);
    const reacted = () => about(outer.callId).length > 0 || socket.isEnded();
    await until("an answer", reacted, 1_000).catch(() => undefined);
    await delay(quietMs);
    const [answer] = about(outer.callId);
    const smuggled = about(inner.callId).length;
    await socket.close();
    return { status: answer?.status, smuggled };
  };

  describe.for(["udp", "tcp"] as const)("over %s", (transport) => {
    const cases = { ...wrong, ...(transport === "tcp" ? onlyTcp : onlyUdp) };

    test("T16 the right length is taken, the body stays a body", async () => {
      const { status, smuggled } = await smuggle(transport, (body) => String(body.length));
      expect([status, smuggled]).toEqual([200, 0]);
    });

    test.for(Object.keys(cases))("T16 %s", async (name) => {
      const { status, smuggled } = await smuggle(transport, cases[name] ?? (() => undefined));
      expect(smuggled, "answers to the smuggled message").toBe(0);
      if (name in wrong && name !== "the same value twice") {
        expect([undefined, 400]).toContain(status);
      }
      expect((await Hostile.probe(engine(), transport)).status).toBe(200);
    });
  });

  test("T16 two messages in one segment are two, so the check can fail", async () => {
    const socket = await RawSip.tcp({ remote: engine().sip });
    const [one, other] = [Hostile.build(socket), Hostile.build(socket)];
    socket.send(one.text + other.text);
    await until("two answers", () => socket.received.length === 2, 2_000);
    await socket.close();
  });

  test("T16 a good call after them", () => Scene.goodCall(engine()));
});
