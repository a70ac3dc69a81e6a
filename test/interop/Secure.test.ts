/** Phones over TLS and over secure WebSockets (RFC 7118): calls, and connections that are lost. */
import { describe, expect, test } from "vitest";
import type { Call } from "../support/Dialog.ts";
import * as Engine from "../support/Engine.ts";
import * as Need from "../support/Need.ts";
import type { Connected, Phone } from "../support/Phone.ts";
import * as Ports from "../support/Ports.ts";
import * as Rtp from "../support/Rtp.ts";
import * as Scene from "../support/Scene.ts";
import * as Sip from "../support/SipMessage.ts";
import { until } from "../support/Until.ts";

const streams = ["tcp", "tls", "wss"] as const;
const mediaMs = 5_000;
const rounds = 3;

/** A phone's media socket with the description that names it. */
const media = async () => {
  const rtp = await Rtp.open("127.0.0.1", await Ports.free("127.0.0.1", 2));
  return { rtp, sdp: Sip.audio({ ip: rtp.local.ip, port: rtp.local.port }) };
};

/** Two phones talk: each is named an address of the engine, and hears the other there. */
const talk = async (caller: Phone, callee: Phone): Promise<void> => {
  const [here, there] = [await media(), await media()];
  const pair = await Scene.connect(caller, callee, { offer: here.sdp, answer: there.sdp });
  const ends = [[here, pair.caller, there], [there, pair.callee, here]] as const;
  for (const [own, call, other] of ends) {
    const relay = Sip.audioTarget(call.sdp);
    expect(relay.ip).toBe(caller.options.engine.ip);
    expect([own.rtp.local.port, other.rtp.local.port]).not.toContain(relay.port);
    const playing = own.rtp.play(relay, 440);
    await until("media of the other side", () => other.rtp.received.length > 5, mediaMs);
    playing.stop();
  }
  await Scene.hangUp(pair.callee, pair.caller);
  await Promise.all([here.rtp.close(), there.rtp.close()]);
};

const close = async (...phones: ReadonlyArray<Phone>): Promise<void> => {
  for (const phone of phones) await phone.register(0);
  for (const phone of phones) await phone.close();
};

const calls = (engine: () => Engine.Engine): void => {
  const pairs = [
    ["tls", "udp"],
    ["udp", "tls"],
    ["tls", "tls"],
    ["wss", "wss"],
    ["wss", "tls"],
    ["udp", "wss"],
  ] as const;
  test.for(pairs)("a phone over %s calls one over %s, and media flows", async ([from, to]) => {
    const caller = await Scene.registered(engine(), "1001", { transport: from });
    const callee = await Scene.registered(engine(), "1002", { transport: to });
    await talk(caller, callee);
    await close(caller, callee);
  });

  test.for(["tls", "wss"] as const)("what the engine says over %s names it", async (transport) => {
    const caller = await Scene.registered(engine(), "1001", { transport: "udp" });
    const callee = await Scene.registered(engine(), "1002", { transport });
    const dialling = await caller.dial("1002");
    const { invite } = await callee.incoming();
    const { ip, port } = callee.options.engine;
    expect(Sip.header(invite, "via")).toContain(`SIP/2.0/${transport.toUpperCase()} ${ip}:${port}`);
    const named = transport === "wss" ? "ws" : transport;
    expect(Sip.uriOf(Sip.header(invite, "contact"))).toBe(
      `sip:1001@${ip}:${port};transport=${named}`,
    );
    await dialling.cancel();
    await dialling.refused();
    await close(caller, callee);
  });
};

/** Both sides of a call, the first of them over a connection that can be lost. */
const established = async (
  engine: Engine.Engine,
  transport: typeof streams[number],
  role: "caller" | "callee",
) => {
  const mobile = await Scene.connected(engine, "1001", { transport });
  const other = await Scene.registered(engine, "1002");
  const pair = role === "caller"
    ? await Scene.connect(mobile, other)
    : await Scene.connect(other, mobile);
  const own: Call = role === "caller" ? pair.caller : pair.callee;
  const peer: Call = role === "caller" ? pair.callee : pair.caller;
  return { mobile, other, own, peer };
};

const back = async (phone: Connected): Promise<void> => {
  await phone.socket.reopen();
  expect((await phone.register()).status).toBe(200);
};

const lost = (engine: () => Engine.Engine): void => {
  const cases = streams.flatMap((transport) =>
    (["caller", "callee"] as const).map((role) => [transport, role] as const)
  );

  test.for(cases)(
    "over %s: the BYE for a %s that came back by another connection reaches it there",
    async ([transport, role]) => {
      const { mobile, other, own, peer } = await established(engine(), transport, role);
      await mobile.socket.reset();
      await back(mobile);
      await Scene.hangUp(peer, own);
      await close(mobile, other);
    },
  );

  test.for(streams)("over %s: a BYE waits for a phone that is away", async (transport) => {
    const { mobile, other, own, peer } = await established(engine(), transport, "callee");
    await mobile.socket.drop();
    const [answer] = await Promise.all([
      peer.bye(),
      back(mobile).then(() => own.ended(15_000)),
    ]);
    expect(answer.status).toBe(200);
    await Engine.idle(engine());
    await close(mobile, other);
  });

  test.for(streams)("over %s: a phone that came back hangs up itself", async (transport) => {
    const { mobile, other, own, peer } = await established(engine(), transport, "caller");
    await mobile.socket.reset();
    await mobile.socket.reopen();
    await Scene.hangUp(own, peer);
    await close(mobile, other);
  });

  test.for(streams)(
    "over %s: a caller that lost its connection while it rang hears the answer",
    async (transport) => {
      const mobile = await Scene.connected(engine(), "1001", { transport });
      const callee = await Scene.registered(engine(), "1002");
      const dialling = await mobile.dial("1002");
      const incoming = await callee.incoming();
      incoming.ring();
      await dialling.response(180);
      await mobile.socket.reset();
      await back(mobile);
      const [there, here] = await Promise.all([incoming.answer(), dialling.answered(10_000)]);
      await Scene.hangUp(there, here);
      await close(mobile, callee);
    },
  );

  test.for(streams)("over %s: INVITEs and then RST leave nothing behind", async (transport) => {
    const callee = await Scene.registered(engine(), "1002");
    for (let round = 0; round < rounds; round += 1) {
      const mobile = await Scene.connected(engine(), "1001", { transport });
      for (const dialled of ["1002", "1002", "nobody"]) await mobile.dial(dialled);
      await mobile.socket.reset();
    }
    const rung = () =>
      new Map(
        callee.socket.received
          .filter(({ method, isRequest }) => isRequest && method === "INVITE")
          .map((invite) => [Sip.header(invite, "call-id"), invite]),
      );
    await until("an INVITE of each call", () => rung().size === 2 * rounds, 5_000);
    for (const invite of rung().values()) {
      callee.socket.send(Sip.respond(invite, "486 Busy Here", { toTag: Sip.token() }));
    }
    await Engine.idle(engine());
    await close(callee);
    await Scene.goodCall(engine());
  });
};

Need.suite("TLS and WSS", [], () => {
  const engine = Engine.forSuite(() => ({}));
  describe("calls", () => calls(engine));
  describe("lost connections", () => lost(engine));
});
