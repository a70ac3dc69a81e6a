/** Bad input of every kind: each a clear refusal, nothing lost, the process lives. */
import { expect, test } from "vitest";
import * as Directory from "../support/Directory.ts";
import * as Engine from "../support/Engine.ts";
import * as Hostile from "../support/Hostile.ts";
import {
  closedConnections,
  droppedMessages,
  echo,
  malformedMessages,
  refusedRequests,
} from "../support/Names.ts";
import * as Need from "../support/Need.ts";
import * as Ports from "../support/Ports.ts";
import * as RawSip from "../support/RawSip.ts";
import * as Scene from "../support/Scene.ts";
import * as Sip from "../support/SipMessage.ts";
import { until } from "../support/Until.ts";

const trunkIp = "127.0.0.29";

const noise = (length: number) => crypto.getRandomValues(new Uint8Array(length));

const oversized = {
  "one header of 100 KB": { "Subject": "s".repeat(100_000) },
  "5,000 headers": Object.fromEntries(
    Array.from({ length: 5_000 }, (_, index) => [`X-Header-${index}`, "value"]),
  ),
  "a request URI of 60 KB": { "Subject": "uri" },
};

const bodies = {
  "no codec that we know": Sip.audio({
    ip: "127.0.0.1",
    port: 40_000,
    codecs: ["96 FROB/8000"],
  }),
  "no audio": "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n" +
    "m=video 40000 RTP/AVP 31\r\n",
  "a media line that is none": "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\n" +
    "c=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio many RTP/AVP 0\r\n",
  "no session description": "this is no SDP",
};

/** Whether the call refused it, or the edge because it cannot be read. */
const refusedOffers: Readonly<Record<keyof typeof bodies, { by: string; status: number }>> = {
  "no codec that we know": { by: "call", status: 488 },
  "no audio": { by: "call", status: 488 },
  "a media line that is none": { by: "edge", status: 400 },
  "no session description": { by: "edge", status: 400 },
};

/** How much a counter has grown by what `happens`; the last of it may be counted a little later. */
const grows = async (
  engine: Engine.Engine,
  name: string,
  labels: Readonly<Record<string, string>>,
  by: number,
  happens: () => Promise<unknown>,
): Promise<void> => {
  const before = await engine.counted(name, labels);
  await happens();
  const grown = async () => await engine.counted(name, labels) - before;
  await until(`${name} ${JSON.stringify(labels)} to grow`, async () => await grown() >= by, 5_000, {
    pollMs: 250,
  });
  expect(await grown(), `${name} ${JSON.stringify(labels)}`).toBe(by);
};

const unreadable = (engine: () => Engine.Engine): void => {
  test("datagrams that are no SIP are dropped, what follows is answered", async () => {
    const socket = await RawSip.udp({ remote: engine().sip });
    const junk = [
      ...Array.from({ length: 200 }, (_, index) => noise(1 + index * 7)),
      new Uint8Array(0),
      new Uint8Array(1_400),
      "\r\n\r\n",
      "OPTIONS",
      "OPTIONS sip:x SIP/2.0\r\n",
      "\r\n\r\nOPTIONS sip:x SIP/2.0",
      "SIP/2.0 200 OK\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    ];
    for (const bytes of junk) socket.send(bytes);
    const answer = await Hostile.ask(socket);
    expect(answer.status).toBe(200);
    expect(socket.received.filter((message) => message.status === 200)).toHaveLength(1);
    await socket.close();
    await Scene.goodCall(engine());
  });

  test("what is dropped is counted", async () => {
    const before = await engine().counted(droppedMessages);
    const socket = await RawSip.udp({ remote: engine().sip });
    const count = 50;
    for (let sent = 0; sent < count; sent += 1) socket.send(`${Sip.token(40)}\r\n\r\n`);
    await Hostile.ask(socket);
    await socket.close();
    expect(await engine().counted(droppedMessages) - before).toBe(count);
  });

  test("bytes that are no SIP end a TCP connection, others go on", async () => {
    const send = async (bytes: string | Uint8Array) =>
      Hostile.expectRefused(await Hostile.send(engine(), "tcp", () => bytes), "junk");
    // No end of a head in sight: it is given time.
    await send(noise(5_000));
    const junk = [`${"x".repeat(200_000)}`, "GET / HTTP/1.1\r\n\r\n"];
    await grows(engine(), malformedMessages, {}, junk.length, async () => {
      for (const bytes of junk) await send(bytes);
    });
    expect((await Hostile.probe(engine(), "tcp")).status).toBe(200);
  });

  test("a wrong Content-Length on TCP is answered with 400, then the connection ends", async () => {
    const send = async () => {
      const outcome = await Hostile.send(
        engine(),
        "tcp",
        (socket) => Hostile.build(socket, { headers: { "Content-Length": "many" } }).text,
      );
      expect(outcome.status).toBe(400);
      expect(outcome.ended).toBe(true);
    };
    const reason = "Content-Length is not a number of octets";
    await grows(engine(), refusedRequests, { by: "edge", status: "400", reason }, 1, send);
    await grows(
      engine(),
      closedConnections,
      { transport: "tcp", reason: "malformed" },
      1,
      send,
    );
    expect((await Hostile.probe(engine(), "tcp")).status).toBe(200);
  });

  test.for(Object.keys(oversized) as ReadonlyArray<keyof typeof oversized>)(
    "%s is refused",
    async (what) => {
      const uri = what.includes("URI") ? { uri: `sip:${"u".repeat(60_000)}@x` } : {};
      await grows(engine(), malformedMessages, {}, 1, async () => {
        const outcome = await Hostile.send(
          engine(),
          "tcp",
          (socket) => Hostile.build(socket, { headers: oversized[what], ...uri }).text,
        );
        Hostile.expectRefused(outcome, what);
        expect(outcome.status !== undefined || outcome.ended, "an answer or the end").toBe(true);
      });
      await Scene.goodCall(engine());
    },
  );
};

const refused = (engine: () => Engine.Engine): void => {
  test("an unknown method of a trunk is answered with 501 or 405", async () => {
    const socket = await RawSip.udp({ remote: engine().sip, ip: trunkIp });
    const uri = `sip:1001@${Directory.domain}`;
    await grows(engine(), refusedRequests, { status: "501" }, 1, async () => {
      const answer = await Hostile.ask(socket, { method: "FROBNICATE", uri });
      expect(answer.status).toBe(501);
      expect(Sip.header(answer, "allow")).toContain("INVITE");
    });
    await socket.close();
  });

  const attempts = 5;
  const wrong = { by: "core", status: "401", reason: "wrong credentials" };
  test.for([["a wrong digest", "1003"], ["an unknown user", "nobody"]])(
    "%s is refused as often as it comes",
    async ([, extension = ""]) => {
      const phone = await Scene.phone(engine(), extension, { secret: "wrong" });
      await grows(engine(), refusedRequests, wrong, attempts, async () => {
        for (let attempt = 0; attempt < attempts; attempt += 1) {
          expect((await phone.register()).status).toBe(401);
        }
      });
      await phone.close();
    },
  );

  test("the right digest is taken after wrong ones", async () => {
    const right = await Scene.registered(engine(), "1003");
    await right.register(0);
    await right.close();
  });

  test.for(Object.entries(bodies))("an offer with %s is refused", async ([what, body]) => {
    const phone = await Scene.registered(engine(), "1004");
    const { by, status } = refusedOffers[what as keyof typeof bodies];
    await grows(engine(), refusedRequests, { by, status: String(status) }, 1, async () => {
      const refusal = await (await phone.dial(echo, { body })).refused();
      expect(refusal.status, what).toBe(status);
    });
    await phone.register(0);
    await phone.close();
    await Engine.idle(engine());
  });
};

const shown = (engine: () => Engine.Engine): void => {
  test("what was refused is shown to people and to collectors", async () => {
    const socket = await RawSip.udp({ remote: engine().sip });
    await Hostile.ask(socket, { method: "INVITE", headers: { "Require": "foo" } });
    await socket.close();
    const people = await engine().cli("doctor", "--counters");
    expect(people.code, people.output).toBe(0);
    expect(people.stdout).toMatch(
      /^\d+ +edge_requests_refused_total +by: edge, status: 420, reason: extension is not supp/m,
    );
    const collector = await engine().cli("doctor", "--prometheus");
    expect(collector.code, collector.output).toBe(0);
    const line = 'tandem_edge_requests_refused_total{by="edge",status="420",reason="extension';
    expect(collector.stdout).toContain(line);
    for (const text of collector.stdout.trimEnd().split("\n")) {
      expect(text).toMatch(/^(# TYPE tandem_\w+ counter|tandem_\w+(\{.*\})? \d+)$/);
    }
  });
};

Need.suite("bad input", [], () => {
  const engine = Engine.forSuite(async () => ({
    directory: Directory.demo({
      trunks: [{
        id: "carrier",
        address: `${trunkIp}:${await Ports.free(trunkIp)}`,
        transport: "udp",
        inbound: true,
      }],
    }),
  }));
  unreadable(engine);
  refused(engine);
  shown(engine);
});
