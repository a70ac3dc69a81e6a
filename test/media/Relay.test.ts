/** Relays by the public door, on a network in memory. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Endpoint } from "../../schemas/Media.ts";
import * as Packet from "../../src/rtp/Packet.ts";
import * as Rig from "./Rig.ts";

const alice = "192.0.2.10";
const bob = "192.0.2.11";
const carol = "192.0.2.12";
const mallory = "203.0.113.66";

/** A relay between two peers that have both sent a packet. */
const call = (options: Parameters<typeof Rig.make>[0] = {}) => {
  const rig = Rig.make(options);
  const [a = 0, b = 0] = rig.reserve("r", 0, 1);
  const one = rig.host(alice, 4_000);
  const two = rig.host(bob, 5_000);
  const apply = (generation: number, left: Partial<Endpoint> = {}, right: Partial<Endpoint> = {}) =>
    rig.configure(
      "r",
      generation,
      Rig.endpoint(0, a, { latchFrom: [alice], connect: Rig.toLeg(1), ...left }),
      Rig.endpoint(1, b, { latchFrom: [bob], connect: Rig.toLeg(0), ...right }),
    );
  apply(1);
  one.send(a, Rig.rtp(1));
  two.send(b, Rig.rtp(1));
  one.take();
  two.take();
  return { ...rig, a, b, one, two, apply };
};

test("packets pass between two legs unchanged, from the ports that the SDP names", () => {
  const { a, b, one, two } = call();
  const packet = Rig.rtp(2, 99);
  one.send(a, packet);
  two.send(b, Rig.rtp(2, 98));
  expect(two.take()).toEqual([{ bytes: packet, ip: Rig.workerIp, port: b }]);
  expect(one.take()).toEqual([{ bytes: Rig.rtp(2, 98), ip: Rig.workerIp, port: a }]);
});

test("statistics: packets, octets, time of the last, gaps", () => {
  const { a, one, two, b, clock, engine } = call();
  clock.advance(500);
  for (const sequence of [2, 3, 7, 6, 8]) one.send(a, Rig.rtp(sequence));
  const [left, right] = engine.statistics("r");
  expect(left).toEqual({
    leg: 0,
    stream: 0,
    port: a,
    peer: { ip: alice, port: 4_000 },
    received: { packets: 6, octets: 6 * 172 },
    sent: { packets: 1, octets: 172 },
    lastReceivedMs: 1_500,
    gaps: 1,
    missing: 2,
  });
  expect(right?.sent.packets).toBe(5);
  expect(right?.lastReceivedMs).toBe(1_000);
  // A new source starts a new count of sequence numbers, over the wrap as well.
  two.send(b, Rig.rtp(65_535, 50));
  two.send(b, Rig.rtp(0, 50));
  expect(engine.statistics("r")[1]?.gaps).toBe(0);
  expect(engine.statistics("unknown")).toEqual([]);
});

test("T07 a third host gets nothing and changes nothing, before, during and after learning", () => {
  const rig = Rig.make();
  const attacker = rig.host(mallory, 7_000);
  const trace: Array<string> = [];
  const spray = () => {
    for (let port = 20_000; port <= 20_099; port++) {
      for (const bytes of [Rig.rtp(1), Rig.rtcp(), Uint8Array.of(0x80), new Uint8Array(1_700)]) {
        // What goes on from the worker is all but the attacker's own datagram.
        for (const { toIp } of attacker.send(port, bytes).slice(1)) trace.push(toIp);
      }
    }
  };
  spray();
  const [a = 0, b = 0, e = 0, t = 0] = rig.reserve("r", 0, 1, 2, 3);
  spray();
  const all = (generation: number, sdp: number, remote: boolean) =>
    rig.configure(
      "r",
      generation,
      Rig.endpoint(0, a, {
        sdp,
        latchFrom: [alice],
        remote: remote ? Rig.at(alice, 4_000) : null,
        connect: Rig.toLeg(1),
      }),
      Rig.endpoint(1, b, { sdp, latchFrom: [bob], connect: Rig.toLeg(0) }),
      Rig.endpoint(2, e, { sdp, latchFrom: [alice], connect: { _tag: "Echo" } }),
      Rig.endpoint(3, t, {
        sdp,
        latchFrom: [alice],
        connect: { _tag: "Tone", hz: 440, payloadType: 0 },
      }),
    );
  all(1, 1, false);
  spray();
  all(2, 1, true);
  spray();
  const one = rig.host(alice, 4_000);
  const two = rig.host(bob, 5_000);
  for (const port of [a, e, t]) one.send(port, Rig.rtp(1));
  two.send(b, Rig.rtp(1));
  spray();
  rig.clock.advance(100);
  rig.network.deliver();
  all(3, 2, false);
  spray();
  rig.clock.advance(100);
  for (const { toIp } of rig.network.deliver()) trace.push(toIp);
  rig.ask({ _tag: "ReleaseRelay", relay: "r", generation: 4 });
  spray();
  expect(attacker.take()).toEqual([]);
  expect(trace).not.toContain(mallory);
  // Its packets neither reached a peer nor became one's address.
  expect(trace.filter((ip) => ip === bob)).toEqual([]);
  expect(rig.dropped("rtp", "source")).toBeGreaterThan(0);
  expect(rig.dropped("rtp", "oversize")).toBeGreaterThan(0);
});

test("T08 forged packets are not relayed, and the call goes on", () => {
  const { network, a, one, two } = call();
  const forge = (toPort: number, fromIp: string, fromPort: number, bytes: Uint8Array) =>
    network.send({ fromIp, fromPort, toIp: Rig.workerIp, toPort, bytes });
  forge(a, mallory, 4_000, Rig.rtp(2));
  forge(a, alice, 4_002, Rig.rtp(2));
  forge(a + 1, mallory, 4_001, Rig.rtcp());
  forge(a + 1, alice, 4_001, Uint8Array.of(0x80, 203, 0, 0));
  forge(a, alice, 4_000, Uint8Array.of(0x80, 203, 0, 1, 0, 0, 0, 7, 0, 0, 0, 0));
  network.deliver();
  expect(two.take()).toEqual([]);
  one.send(a, Rig.rtp(2));
  expect(two.take()).toHaveLength(1);
});

describe("hold", () => {
  test.each([
    ["we do not send to it", { sends: false }, [0, 1]],
    ["it does not send", { receives: false }, [1, 0]],
    ["inactive", { sends: false, receives: false }, [0, 0]],
  ])("%s", (_, direction, [toAlice, toBob]) => {
    const { a, b, one, two, apply, dropped, network } = call();
    apply(2, { sdp: 2, ...direction });
    one.send(a, Rig.rtp(2));
    two.send(b, Rig.rtp(2));
    expect([one.take().length, two.take().length]).toEqual([toAlice, toBob]);
    expect(dropped("rtp", "direction")).toBe(2 - (toAlice ?? 0) - (toBob ?? 0));
    // RTCP flows on, and a resume brings both directions back.
    for (
      const [fromIp, fromPort, toPort] of [[alice, 4_001, a + 1], [bob, 5_001, b + 1]] as const
    ) {
      network.send({ fromIp, fromPort, toIp: Rig.workerIp, toPort, bytes: Rig.rtcp() });
    }
    expect(network.deliver().filter(({ toIp }) => toIp !== Rig.workerIp).map(({ toIp }) => toIp))
      .toEqual([alice]);
    apply(3, { sdp: 3 });
    one.send(a, Rig.rtp(3));
    two.send(b, Rig.rtp(3));
    expect([one.take().length, two.take().length]).toEqual([1, 1]);
  });
});

test("a fork: both callees have ports, the connection switches between them", () => {
  const rig = Rig.make();
  const [a = 0, b = 0, c = 0] = rig.reserve("r", 0, 1, 2);
  const one = rig.host(alice, 4_000);
  const two = rig.host(bob, 5_000);
  const three = rig.host(carol, 6_000);
  const shown = (generation: number, callee: number, hidden: number) => {
    const connect = (leg: number) => leg === hidden ? { _tag: "Nothing" as const } : Rig.toLeg(0);
    return rig.configure(
      "r",
      generation,
      Rig.endpoint(0, a, { latchFrom: [alice], connect: Rig.toLeg(callee) }),
      Rig.endpoint(1, b, { latchFrom: [bob], connect: connect(1) }),
      Rig.endpoint(2, c, { latchFrom: [carol], connect: connect(2) }),
    );
  };
  const talk = (sequence: number) => {
    one.send(a, Rig.rtp(sequence, 1));
    two.send(b, Rig.rtp(sequence, 2));
    three.send(c, Rig.rtp(sequence, 3));
    return [one, two, three].map((peer) => peer.take().map(({ bytes }) => Packet.ssrc(bytes)));
  };
  shown(1, 1, 2);
  talk(1);
  expect(talk(2)).toEqual([[2], [1], []]);
  shown(2, 2, 1);
  expect(talk(3)).toEqual([[3], [], [1]]);
  // The winner stays, the loser's ports are given up.
  rig.configure(
    "r",
    3,
    Rig.endpoint(0, a, { latchFrom: [alice], connect: Rig.toLeg(2) }),
    Rig.endpoint(2, c, { latchFrom: [carol], connect: Rig.toLeg(0) }),
  );
  expect(talk(4)).toEqual([[3], [], [1]]);
  expect(rig.engine.status().ports.used).toBe(2);
});

test("streams are relayed by their index", () => {
  const rig = Rig.make();
  const endpoints = [0, 1].flatMap((leg) => [{ leg, stream: 0 }, { leg, stream: 3 }]);
  const reply = rig.ask({ _tag: "ReserveRelay", relay: "r", endpoints });
  if (reply._tag !== "RelayReserved") throw new Error(reply._tag);
  expect(reply).toMatchObject({ worker: "media-1", incarnation: "boot-1", address: Rig.address });
  expect(reply.ports.map(({ leg, stream }) => ({ leg, stream }))).toEqual(endpoints);
  rig.configure(
    "r",
    1,
    ...reply.ports.map(({ leg, stream, port }) =>
      Rig.endpoint(leg, port, {
        stream,
        latchFrom: [alice],
        remote: Rig.at(alice, 4_000 + 100 * leg + 10 * stream),
        connect: Rig.toLeg(1 - leg),
      })
    ),
  );
  const source = rig.host(alice, 9_000);
  const video = reply.ports.find(({ leg, stream }) => leg === 0 && stream === 3)?.port ?? 0;
  expect(source.send(video, Rig.rtp(1)).at(-1)?.toPort).toBe(4_130);
});

test("packets to a leg that is not there are counted", () => {
  const { a, one, apply, dropped } = call();
  apply(2, { connect: Rig.toLeg(9) });
  one.send(a, Rig.rtp(2));
  expect(dropped("rtp", "unconnected")).toBe(1);
});

describe("generations", () => {
  test("an older one and the same again change nothing", () => {
    const { apply, a, one, two } = call();
    apply(5, { receives: false });
    expect(apply(4)).toEqual({ _tag: "RelayDone" });
    expect(apply(5)).toEqual({ _tag: "RelayDone" });
    one.send(a, Rig.rtp(2));
    expect(two.take()).toEqual([]);
  });

  test("a release of an older generation changes nothing", () => {
    const { apply, ask, engine } = call();
    apply(5);
    ask({ _tag: "ReleaseRelay", relay: "r", generation: 4 });
    expect(engine.status().relays).toBe(1);
    ask({ _tag: "ReleaseRelay", relay: "r", generation: 5 });
    expect(engine.status()).toMatchObject({ relays: 0, ports: { used: 0 } });
    // What comes late does not bring it back; a newer one does (takeover).
    apply(5);
    expect(engine.status().relays).toBe(0);
    apply(6);
    expect(engine.status().relays).toBe(1);
  });

  test("in any order and number, the highest generation is in force", () => {
    const generation = fc.integer({ min: 0, max: 12 });
    const step = fc.record({ generation, release: fc.boolean() });
    fc.assert(fc.property(fc.array(step, { minLength: 1, maxLength: 25 }), (steps) => {
      const rig = Rig.make();
      const ports = rig.reserve("r", 0, 1, 2, 3);
      // Generation g keeps the legs of its bits, and leg 0.
      const legsOf = (g: number) => [0, 1, 2, 3].filter((leg) => leg === 0 || (g >> leg & 1) === 1);
      let model = { live: -1, released: -1 };
      for (const { generation: g, release } of steps) {
        if (release) {
          rig.ask({ _tag: "ReleaseRelay", relay: "r", generation: g });
          if (g >= model.live) model = { live: -1, released: Math.max(g, model.released) };
        } else {
          const endpoints = legsOf(g).map((leg) => Rig.endpoint(leg, ports[leg] ?? 0));
          expect(rig.configure("r", g, ...endpoints)).toEqual({ _tag: "RelayDone" });
          if (g > model.live && g > model.released) model = { ...model, live: g };
        }
        if (model.live < 0) continue;
        const legs = rig.engine.statistics("r").map(({ leg }) => leg).sort();
        // Before the first configuration the reservation's other legs are there too.
        expect(legs).toEqual(expect.arrayContaining(legsOf(model.live)));
        if (model.released >= 0) expect(legs).toEqual(legsOf(model.live));
        expect(rig.engine.status().ports.used).toBe(legs.length);
      }
      rig.close();
    }));
  });
});

test("the same requests give the same packets", () => {
  const trace = () => {
    const rig = Rig.make();
    const [e = 0, t = 0] = rig.reserve("r", 0, 1);
    rig.configure(
      "r",
      1,
      Rig.endpoint(0, e, { latchFrom: [alice], connect: { _tag: "Echo" } }),
      Rig.endpoint(1, t, {
        remote: Rig.at(alice, 4_000),
        connect: { _tag: "Tone", hz: 440, payloadType: 8 },
      }),
    );
    const sent = rig.host(alice, 4_000).send(e, Rig.rtp(1));
    rig.clock.advance(100);
    return [...sent, ...rig.network.deliver()];
  };
  expect(trace()).toEqual(trace());
  expect(trace()).toHaveLength(7);
});
