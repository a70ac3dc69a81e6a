/** Port pairs: exhaustion, re-use, takeover, reservations, shutdown. */
import { Effect } from "effect";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Endpoint } from "../../schemas/Media.ts";
import * as Udp from "../../src/udp/Udp.ts";
import * as MemoryUdp from "../../src/udp/Memory.ts";
import * as Rig from "./Rig.ts";

const reserve = (rig: ReturnType<typeof Rig.make>, relay: string, ...legs: ReadonlyArray<number>) =>
  rig.ask({
    _tag: "ReserveRelay",
    relay,
    endpoints: legs.map((leg) => ({ leg, stream: 0 })),
  });
const release = (rig: ReturnType<typeof Rig.make>, relay: string, generation = 1) =>
  rig.ask({ _tag: "ReleaseRelay", relay, generation });
const small = { first: 20_000, last: 20_007 };

test("pairs are even and odd neighbours within the range", () => {
  const rig = Rig.make({ ports: { first: 20_001, last: 20_006 } });
  expect(rig.reserve("r", 0, 1)).toEqual([20_002, 20_004]);
  expect(reserve(rig, "s", 0)).toEqual({ _tag: "PoolExhausted" });
  expect([...rig.network.bound(Rig.workerIp)].sort()).toEqual([20_002, 20_003, 20_004, 20_005]);
});

test("a full pool says so, takes nothing, and serves again after a release", () => {
  const rig = Rig.make({ ports: small });
  rig.reserve("r", 0, 1, 2);
  expect(reserve(rig, "s", 0, 1)).toEqual({ _tag: "PoolExhausted" });
  expect(rig.engine.status()).toMatchObject({ relays: 1, ports: { used: 3, free: 1 } });
  expect(reserve(rig, "r", 0, 1, 3, 4)).toEqual({ _tag: "PoolExhausted" });
  expect(rig.engine.statistics("r").map(({ leg }) => leg)).toEqual([0, 1, 2]);
  release(rig, "r");
  expect(reserve(rig, "s", 0, 1)._tag).toBe("RelayReserved");
});

test("a reservation again gives the same ports, and more for more legs", () => {
  const rig = Rig.make();
  const [a, b] = rig.reserve("r", 0, 1);
  expect(rig.reserve("r", 0, 1)).toEqual([a, b]);
  const [c, again] = rig.reserve("r", 2, 0);
  expect(again).toBe(a);
  expect(new Set([a, b, c]).size).toBe(3);
});

describe("re-use", () => {
  test("costs no bind, and takes the pair that was released first", () => {
    const rig = Rig.make({ ports: small });
    const ports = ["a", "b", "c", "d"].map((relay) => rig.reserve(relay, 0)[0]);
    const binds = rig.network.binds();
    for (const relay of ["c", "a", "d", "b"]) release(rig, relay);
    rig.clock.advance(2_000);
    expect(["e", "f", "g", "h"].map((relay) => rig.reserve(relay, 0)[0]))
      .toEqual([ports[2], ports[0], ports[3], ports[1]]);
    expect(rig.network.binds()).toBe(binds);
  });

  test("waits for a quiet time while there are other ports", () => {
    const rig = Rig.make({ ports: small });
    const [first] = rig.reserve("a", 0);
    release(rig, "a");
    rig.clock.advance(1_999);
    expect(rig.reserve("b", 0)[0]).not.toBe(first);
    rig.clock.advance(1);
    expect(rig.reserve("c", 0)[0]).toBe(first);
  });

  test("hears nothing of the last call", () => {
    const rig = Rig.make({ ports: { first: 20_000, last: 20_001 } });
    const [port = 0] = rig.reserve("a", 0);
    const peer = rig.host("192.0.2.10", 4_000);
    const echo = { latchFrom: [peer.ip], connect: { _tag: "Echo" as const } };
    rig.configure("a", 1, Rig.endpoint(0, port, echo));
    peer.send(port, Rig.rtp(1));
    expect(peer.take()).toHaveLength(1);
    release(rig, "a");
    peer.send(port, Rig.rtp(2));
    rig.reserve("b", 0);
    peer.send(port, Rig.rtp(3));
    rig.configure("b", 1, Rig.endpoint(0, port, { ...echo, latchFrom: ["192.0.2.11"] }));
    peer.send(port, Rig.rtp(4));
    expect(peer.take()).toEqual([]);
    expect([rig.dropped("rtp", "idle"), rig.dropped("rtp", "source")]).toEqual([2, 1]);
    expect(rig.engine.statistics("b")[0]?.received.packets).toBe(0);
  });
});

describe("ports of other programs", () => {
  test("are skipped, counted, and their neighbours given back", () => {
    const network = MemoryUdp.make();
    const foreign = (port: number) =>
      Effect.runSync(network.io.bind({
        ip: Rig.workerIp,
        port,
        maxOctets: 10,
        receive: () => {},
        failed: () => {},
      }));
    foreign(20_000);
    const odd = foreign(20_003);
    const rig = Rig.make({ io: network.io, ports: small });
    expect(rig.reserve("r", 0, 1)).toEqual([20_004, 20_006]);
    const skipped = rig.counters.counter("media_ports_skipped_total", { reason: "inUse" });
    expect(skipped.value).toBe(2);
    expect(network.bound(Rig.workerIp)).not.toContain(20_002);
    expect(reserve(rig, "s", 0)).toEqual({ _tag: "PoolExhausted" });
    // The two that are left were tried once more, each.
    expect(skipped.value).toBe(4);
    odd.close();
    expect(rig.reserve("s", 0)).toEqual([20_002]);
  });

  test("an address that cannot be bound fails the start with its reason", () => {
    const io: Udp.Udp = {
      bind: ({ ip, port }) => Effect.fail(new Udp.BindFailed({ ip, port, reason: "unavailable" })),
    };
    expect(() => Rig.make({ io })).toThrow(
      "UDP port 20000 of 192.0.2.200 cannot be bound: this machine has no such address",
    );
  });
});

describe("takeover", () => {
  test("an unknown relay is made on exactly its ports", () => {
    const rig = Rig.make();
    const [a, b] = [20_040, 20_044];
    expect(rig.configure(
      "r",
      7,
      Rig.endpoint(0, a, { latchFrom: ["192.0.2.10"], connect: Rig.toLeg(1) }),
      Rig.endpoint(1, b, { remote: Rig.at("192.0.2.11", 5_000), connect: Rig.toLeg(0) }),
    )).toEqual({ _tag: "RelayDone" });
    const sent = rig.host("192.0.2.10", 4_000).send(a, Rig.rtp(1)).at(-1);
    expect(sent).toMatchObject({ fromPort: b, toIp: "192.0.2.11", toPort: 5_000 });
    // Other calls get other ports.
    expect(rig.reserve("s", ...Array.from({ length: 48 }, (_, leg) => leg))).not.toContain(a);
    expect(reserve(rig, "t", 0)).toEqual({ _tag: "PoolExhausted" });
  });

  test("ports of others or of another range are refused, nothing is taken", () => {
    const rig = Rig.make({ ports: small });
    const [a = 0] = rig.reserve("r", 0);
    rig.host(Rig.workerIp, 20_005);
    const endpoints = [20_002, a, 20_004, 30_000, 20_003]
      .map((port, leg) => Rig.endpoint(leg, port));
    const reply = rig.configure("s", 1, ...endpoints);
    expect(reply).toEqual({ _tag: "PortsTaken", ports: [a, 20_004, 30_000, 20_003] });
    expect(rig.engine.status()).toMatchObject({ relays: 1, ports: { used: 1 } });
    // The refused generation may come again with ports that are free.
    expect(rig.configure("s", 1, Rig.endpoint(0, 20_002))).toEqual({ _tag: "RelayDone" });
  });

  test("a refused configuration leaves the one in force", () => {
    const rig = Rig.make({ ports: small });
    const [a = 0, b = 0] = rig.reserve("r", 0, 1);
    const [taken = 0] = rig.reserve("s", 0);
    rig.configure("r", 1, Rig.endpoint(0, a), Rig.endpoint(1, b));
    expect(rig.configure("r", 2, Rig.endpoint(0, a), Rig.endpoint(2, taken))._tag)
      .toBe("PortsTaken");
    expect(rig.engine.statistics("r").map(({ port }) => port)).toEqual([a, b]);
  });

  test("an endpoint may move to another port", () => {
    const rig = Rig.make();
    const [a = 0] = rig.reserve("r", 0);
    rig.configure("r", 1, Rig.endpoint(0, a));
    rig.configure("r", 2, Rig.endpoint(0, 20_050));
    expect(rig.engine.statistics("r").map(({ port }) => port)).toEqual([20_050]);
    expect(rig.engine.status().ports.used).toBe(1);
  });
});

describe("a reservation", () => {
  test("that is never configured is dropped after its time", () => {
    const rig = Rig.make();
    rig.reserve("r", 0, 1);
    rig.clock.advance(9_999);
    expect(rig.engine.status().ports.used).toBe(2);
    rig.clock.advance(1);
    expect(rig.engine.status()).toMatchObject({ relays: 0, ports: { used: 0 } });
    expect(rig.counters.counter("media_reservations_expired_total").value).toBe(1);
  });

  test("that is repeated lives its time from then on", () => {
    const rig = Rig.make({ reservationMs: 1_000 });
    rig.reserve("r", 0);
    rig.clock.advance(900);
    rig.reserve("r", 0, 1);
    rig.clock.advance(900);
    expect(rig.engine.status().relays).toBe(1);
    rig.clock.advance(100);
    expect([rig.engine.status().relays, rig.clock.timers()]).toEqual([0, 0]);
  });

  test("that failed to grow is still dropped", () => {
    const rig = Rig.make({ ports: small });
    rig.reserve("r", 0);
    reserve(rig, "r", 0, 1, 2, 3, 4);
    rig.clock.advance(10_000);
    expect(rig.engine.status().relays).toBe(0);
  });

  test("of a configured relay lives as long as the relay", () => {
    const rig = Rig.make();
    const [a = 0] = rig.reserve("r", 0);
    rig.configure("r", 1, Rig.endpoint(0, a));
    const [b = 0] = rig.reserve("r", 1);
    rig.clock.advance(60_000);
    expect(rig.engine.statistics("r").map(({ port }) => port)).toEqual([a, b]);
    rig.configure("r", 2, Rig.endpoint(0, a));
    expect(rig.engine.statistics("r").map(({ port }) => port)).toEqual([a, b]);
    expect(rig.configure("r", 3, Rig.endpoint(0, a), Rig.endpoint(1, b))._tag).toBe("RelayDone");
    rig.configure("r", 4, Rig.endpoint(0, a));
    expect(rig.engine.statistics("r").map(({ port }) => port)).toEqual([a]);
    release(rig, "r", 4);
    expect(rig.engine.status().ports.used).toBe(0);
  });
});

test("shutdown closes every socket and timer", () => {
  const rig = Rig.make();
  const [a = 0] = rig.reserve("r", 0, 1);
  rig.reserve("s", 0);
  rig.configure(
    "r",
    1,
    Rig.endpoint(0, a, { connect: { _tag: "Tone", hz: 440, payloadType: 0 } }),
  );
  release(rig, "s");
  rig.reserve("t", 0);
  expect([rig.network.bound(Rig.workerIp).length, rig.clock.timers()]).toEqual([8, 2]);
  rig.close();
  expect([rig.network.bound(Rig.workerIp).length, rig.clock.timers()]).toEqual([0, 0]);
  expect(reserve(rig, "u", 0)).toEqual({ _tag: "PoolExhausted" });
});

test("no port is lost or given twice, whatever is asked", () => {
  const relay = fc.constantFrom("a", "b", "c");
  const legs = fc.uniqueArray(fc.integer({ min: 0, max: 4 }), { maxLength: 4 });
  const command = fc.oneof(
    fc.record({ kind: fc.constant("reserve" as const), relay, legs }),
    fc.record({ kind: fc.constant("configure" as const), relay, legs }),
    fc.record({ kind: fc.constant("release" as const), relay }),
    fc.record({ kind: fc.constant("wait" as const), ms: fc.constantFrom(1, 1_000, 10_000) }),
  );
  fc.assert(fc.property(fc.array(command, { maxLength: 30 }), (commands) => {
    const rig = Rig.make({ ports: { first: 20_000, last: 20_015 } });
    const held = () => ["a", "b", "c"].flatMap((id) => rig.engine.statistics(id));
    let generation = 0;
    for (const one of commands) {
      generation++;
      if (one.kind === "reserve") reserve(rig, one.relay, ...one.legs);
      else if (one.kind === "release") release(rig, one.relay, generation);
      else if (one.kind === "wait") rig.clock.advance(one.ms);
      else {
        const known = new Map(rig.engine.statistics(one.relay).map((e) => [e.leg, e.port]));
        const endpoints = one.legs.map((leg): Endpoint =>
          Rig.endpoint(leg, known.get(leg) ?? 20_000 + 2 * leg)
        );
        rig.configure(one.relay, generation, ...endpoints);
      }
      const ports = held().map(({ port }) => port);
      expect(new Set(ports).size).toBe(ports.length);
      const counts = rig.engine.status().ports;
      expect(counts.used).toBe(ports.length);
      expect(counts.used + counts.free + counts.unbound).toBe(8);
      expect(rig.network.bound(Rig.workerIp).length).toBe(2 * (counts.used + counts.free));
    }
    for (const id of ["a", "b", "c"]) release(rig, id, generation + 1);
    expect(rig.engine.status().ports.used).toBe(0);
    expect(rig.clock.timers()).toBe(0);
  }));
});
