/** Echo and tone, on a network in memory. */
import { describe, expect, test } from "vitest";
import * as G711 from "../../src/rtp/G711.ts";
import * as Packet from "../../src/rtp/Packet.ts";
import * as Goertzel from "../support/Goertzel.ts";
import * as Rig from "./Rig.ts";

const alice = "192.0.2.10";

describe("echo", () => {
  const start = () => {
    const rig = Rig.make();
    const [port = 0] = rig.reserve("r", 0);
    rig.configure("r", 1, Rig.endpoint(0, port, { latchFrom: [alice], connect: { _tag: "Echo" } }));
    return { ...rig, port, peer: rig.host(alice, 4_000) };
  };

  test("returns what came, under one source of its own", () => {
    const { peer, port } = start();
    const packets = [1, 2, 3].map((sequence) => Rig.rtp(sequence, 7, 40 + sequence));
    for (const packet of packets) peer.send(port, packet);
    const back = peer.take();
    const sources = new Set(back.map(({ bytes }) => Packet.ssrc(bytes)));
    expect(sources.size).toBe(1);
    expect(sources).not.toContain(7);
    const without = (bytes: Uint8Array) => [...bytes.slice(0, 8), ...bytes.slice(12)];
    expect(back.map(({ bytes }) => without(bytes))).toEqual(packets.map(without));
    expect(back[0]).toMatchObject({ ip: Rig.workerIp, port });
  });

  test("takes another source of its own when the peer does", () => {
    const { peer, port } = start();
    for (const ssrc of [7, 8, 8]) peer.send(port, Rig.rtp(1, ssrc));
    const [first, second, third] = peer.take().map(({ bytes }) => Packet.ssrc(bytes));
    expect(second).not.toBe(first);
    expect(third).toBe(second);
  });

  test("keeps RTCP, which would report about itself", () => {
    const { port, host, dropped, network } = start();
    const reports = host(alice, 4_001);
    expect(reports.send(port + 1, Rig.rtcp())).toHaveLength(1);
    expect(network.deliver()).toEqual([]);
    expect(dropped("rtcp", "absorbed")).toBe(1);
  });

  test("two echoes that are each other's peer do not run for ever", () => {
    const rig = Rig.make({ address: Rig.workerIp });
    const [a = 0, b = 0] = rig.reserve("r", 0, 1);
    const echo = { latchFrom: [Rig.workerIp], connect: { _tag: "Echo" as const } };
    rig.configure(
      "r",
      1,
      Rig.endpoint(0, a, { ...echo, remote: Rig.at(Rig.workerIp, b) }),
      Rig.endpoint(1, b, { ...echo, remote: Rig.at(Rig.workerIp, a) }),
    );
    rig.network.send({
      fromIp: Rig.workerIp,
      fromPort: b,
      toIp: Rig.workerIp,
      toPort: a,
      bytes: Rig.rtp(1),
    });
    expect(rig.network.deliver()).toHaveLength(1);
    expect(rig.dropped("rtp", "looped")).toBe(1);
  });
});

describe("tone", () => {
  const start = (payloadType: 0 | 8 = 0) => {
    const rig = Rig.make();
    const [port = 0] = rig.reserve("r", 0);
    const play = (generation: number, change = {}, hz = 440) =>
      rig.configure(
        "r",
        generation,
        Rig.endpoint(0, port, {
          latchFrom: [alice],
          remote: Rig.at(alice, 4_000),
          connect: { _tag: "Tone", hz, payloadType },
          ...change,
        }),
      );
    play(1);
    const peer = rig.host(alice, 4_000);
    const hear = (ms: number, late = 0) => {
      rig.clock.advance(ms, late);
      rig.network.deliver();
      return peer.take().map(({ bytes }) => bytes);
    };
    return { ...rig, port, peer, play, hear };
  };
  const samples = (packets: ReadonlyArray<Uint8Array>, law: G711.Law) =>
    Float32Array.from(
      packets.flatMap((bytes) => [...bytes.slice(12)].map((code) => G711.decode(law, code))),
    );

  test.each([[0, 440], [8, 440], [0, 880]] as const)(
    "payload type %i: %i Hz without a break, one packet each 20 ms",
    (payloadType, hz) => {
      const { hear, play } = start(payloadType);
      play(2, {}, hz);
      const packets = hear(2_000);
      expect(packets).toHaveLength(100);
      expect(packets.every((bytes) => Packet.fault(bytes, bytes.length) === null)).toBe(true);
      expect(new Set(packets.map(Packet.payloadType))).toEqual(new Set([payloadType]));
      expect(Goertzel.share(samples(packets, payloadType), 8_000, hz)).toBeGreaterThan(0.99);
    },
  );

  test("sequence and time go up by one and by 160 from a random start; the first is marked", () => {
    const packets = start().hear(200);
    const [first] = packets;
    if (first === undefined) throw new Error("nothing heard");
    expect(packets.map(Packet.marker)).toEqual(packets.map((_, index) => index === 0));
    for (const [index, packet] of packets.entries()) {
      expect(Packet.sequence(packet)).toBe((Packet.sequence(first) + index) & 0xffff);
      expect(Packet.timestamp(packet)).toBe((Packet.timestamp(first) + 160 * index) >>> 0);
      expect(Packet.ssrc(packet)).toBe(Packet.ssrc(first));
    }
    expect(Packet.sequence(first)).not.toBe(0);
  });

  test("late timers do not add up, and a long pause is no burst", () => {
    const { hear, clock } = start();
    // 49 ticks of 20 ms fit with each timer 7 ms late; the 50th and 51st are in time again.
    expect(hear(1_000, 7)).toHaveLength(49);
    expect(hear(20)).toHaveLength(2);
    clock.stall(1_000);
    expect(hear(0)).toHaveLength(6);
    expect(hear(100)).toHaveLength(5);
  });

  test("goes on over a re-INVITE, and changes its pitch within one source", () => {
    const { hear, play } = start();
    const [before] = hear(20);
    play(2, { sdp: 2 });
    const [after] = hear(20);
    play(3, { sdp: 2 }, 880);
    const higher = hear(400);
    const [first] = higher;
    if (before === undefined || after === undefined || first === undefined) {
      throw new Error("quiet");
    }
    const sequence = (bytes: Uint8Array) =>
      (Packet.sequence(bytes) - Packet.sequence(before)) & 0xffff;
    expect([after, first].map(sequence)).toEqual([1, 2]);
    expect(new Set([before, after, first].map(Packet.ssrc)).size).toBe(1);
    expect(Goertzel.share(samples(higher, 0), 8_000, 880)).toBeGreaterThan(0.99);
  });

  test("is silent during a hold; its time goes on, its sequence does not", () => {
    const { hear, play } = start();
    const [before] = hear(20);
    play(2, { sdp: 2, sends: false });
    expect(hear(200)).toEqual([]);
    play(3, { sdp: 3 });
    const [after] = hear(20);
    if (before === undefined || after === undefined) throw new Error("nothing heard");
    expect((Packet.sequence(after) - Packet.sequence(before)) & 0xffff).toBe(1);
    expect((Packet.timestamp(after) - Packet.timestamp(before)) >>> 0).toBe(160 * 11);
  });

  test("the timer runs only while a tone is on", () => {
    const { clock, engine, ask, play, hear } = start();
    expect([engine.status().tones, clock.timers()]).toEqual([1, 1]);
    play(2, { connect: { _tag: "Nothing" } });
    expect([engine.status().tones, clock.timers()]).toEqual([0, 0]);
    expect(hear(100)).toEqual([]);
    play(3);
    expect(hear(100)).toHaveLength(5);
    ask({ _tag: "ReleaseRelay", relay: "r", generation: 3 });
    expect([engine.status().tones, clock.timers()]).toEqual([0, 0]);
  });

  test("one timer for all tones", () => {
    const { reserve, configure, clock, hear } = start();
    const [port = 0] = reserve("s", 0);
    configure(
      "s",
      1,
      Rig.endpoint(0, port, {
        remote: Rig.at(alice, 4_000),
        connect: { _tag: "Tone", hz: 880, payloadType: 0 },
      }),
    );
    expect(clock.timers()).toBe(1);
    expect(new Set(hear(20).map(Packet.ssrc)).size).toBe(2);
  });
});
