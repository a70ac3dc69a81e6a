/** The engine on real sockets: addresses of 127.0.0.0/8 are the hosts. */
import { createSocket } from "node:dgram";
import { Effect, Exit, Scope } from "effect";
import { describe, expect, onTestFinished, test } from "vitest";
import type { Endpoint, MediaRequest } from "../../schemas/Media.ts";
import * as DenoUdp from "../../src/udp/Deno.ts";
import * as Engine from "../../src/media/Engine.ts";
import * as Environment from "../../src/media/Environment.ts";
import * as NodeUdp from "../../src/udp/Node.ts";
import * as G711 from "../../src/rtp/G711.ts";
import * as Packet from "../../src/rtp/Packet.ts";
import * as Counters from "../../src/telemetry/Counters.ts";
import * as Goertzel from "../support/Goertzel.ts";
import { until } from "../support/Until.ts";
import * as Rig from "./Rig.ts";

const worker = "127.0.0.1";
const alice = "127.0.0.2";
const bob = "127.0.0.3";
const mallory = "127.0.0.66";
/** Out of the range that the system gives to clients. */
const ports = { first: 21_000, last: 21_099 };

const start = async (make: () => Engine.Options["io"]) => {
  const counters = Counters.make();
  const scope = Effect.runSync(Scope.make());
  const close = () => Effect.runPromise(Scope.close(scope, Exit.void));
  onTestFinished(close);
  const engine = await Effect.runPromise(
    Engine.make({
      worker: "media-1",
      incarnation: "boot-1",
      bind: worker,
      address: worker,
      ports,
      io: make(),
      environment: Environment.live(),
      counters,
    }).pipe(Scope.provide(scope)),
  );
  const ask = (request: MediaRequest) => Effect.runPromise(engine.request(request));
  const reserve = async (...legs: ReadonlyArray<number>): Promise<ReadonlyArray<number>> => {
    const endpoints = legs.map((leg) => ({ leg, stream: 0 }));
    const reply = await ask({ _tag: "ReserveRelay", relay: "r", endpoints });
    if (reply._tag !== "RelayReserved") throw new Error(reply._tag);
    return reply.ports.map(({ port }) => port);
  };
  const configure = (generation: number, ...endpoints: ReadonlyArray<Endpoint>) =>
    ask({ _tag: "ConfigureRelay", relay: "r", generation, endpoints });
  const dropped = () =>
    counters.snapshot().filter(({ name }) => name === "media_dropped_total")
      .reduce((sum, { value }) => sum + value, 0);
  return { engine, ask, reserve, configure, dropped, close };
};

const host = async (ip: string, port = 0) => {
  const socket = createSocket("udp4");
  const heard: Array<{ readonly bytes: Uint8Array; readonly from: string }> = [];
  socket.on("message", (bytes, from) => {
    heard.push({ bytes: Uint8Array.from(bytes), from: `${from.address}:${from.port}` });
  });
  await new Promise<void>((resolve) => socket.bind(port, ip, resolve));
  onTestFinished(() => void socket.close());
  const send = (to: number, bytes: Uint8Array, ip = worker): Promise<void> =>
    new Promise((resolve, reject) =>
      socket.send(bytes, to, ip, (error) => error === null ? resolve() : reject(error))
    );
  return { ip, port: socket.address().port, heard, send };
};

const heardBy = (one: { readonly heard: ReadonlyArray<unknown> }, count: number) =>
  until(`${count} packets`, () => one.heard.length >= count, 5_000);

describe.each([["Deno", DenoUdp.make], ["Node", NodeUdp.make]] as const)(
  "%s sockets",
  (_, make) => {
    test("two peers hear each other, RTP and RTCP, from the relay's ports", async () => {
      const { reserve, configure } = await start(make);
      const [a = 0, b = 0] = await reserve(0, 1);
      const [one, two, reports, theirs] = await Promise.all(
        [host(alice), host(bob), host(alice), host(bob)],
      );
      await configure(
        1,
        Rig.endpoint(0, a, { latchFrom: [alice], connect: Rig.toLeg(1) }),
        Rig.endpoint(1, b, {
          latchFrom: [bob],
          connect: Rig.toLeg(0),
          remote: { rtp: { ip: bob, port: two.port }, rtcp: { ip: bob, port: theirs.port } },
        }),
      );
      await one.send(a, Rig.rtp(1, 11));
      await heardBy(two, 1);
      await two.send(b, Rig.rtp(1, 22));
      await heardBy(one, 1);
      await reports.send(a + 1, Rig.rtcp());
      await heardBy(theirs, 1);
      expect(two.heard).toEqual([{ bytes: Rig.rtp(1, 11), from: `${worker}:${b}` }]);
      expect(one.heard).toEqual([{ bytes: Rig.rtp(1, 22), from: `${worker}:${a}` }]);
      expect(theirs.heard).toEqual([{ bytes: Rig.rtcp(), from: `${worker}:${b + 1}` }]);
    });

    test("T07 a third host sprays in vain before, during and after learning", async () => {
      const { reserve, configure, dropped } = await start(make);
      const [a = 0, b = 0, e = 0] = await reserve(0, 1, 2);
      const [one, two, attacker] = await Promise.all([host(alice), host(bob), host(mallory)]);
      const targets = [a, b, e].flatMap((port) => [port, port + 1]);
      /** Waits until the engine has seen, and dropped, each packet. */
      const spray = async () => {
        const before = dropped();
        for (const port of targets) {
          await attacker.send(port, Rig.rtp(1));
          await attacker.send(port, Rig.rtcp());
        }
        await until("the drops", () => dropped() - before >= 2 * targets.length, 5_000);
      };
      await spray();
      await configure(
        1,
        Rig.endpoint(0, a, { latchFrom: [alice], connect: Rig.toLeg(1) }),
        Rig.endpoint(1, b, { latchFrom: [bob], connect: Rig.toLeg(0) }),
        Rig.endpoint(2, e, { latchFrom: [alice], connect: { _tag: "Echo" } }),
      );
      await spray();
      await two.send(b, Rig.rtp(1));
      await one.send(e, Rig.rtp(1));
      await heardBy(one, 1);
      await one.send(a, Rig.rtp(1));
      await heardBy(two, 1);
      await spray();
      await one.send(a, Rig.rtp(2));
      await heardBy(two, 2);
      // Loopback delivers in order: what was sent to the attacker before this would be here.
      await two.send(attacker.port, Uint8Array.of(1), attacker.ip);
      await heardBy(attacker, 1);
      expect(attacker.heard.map(({ bytes }) => [...bytes])).toEqual([[1]]);
      expect([one.heard.length, two.heard.length]).toEqual([1, 2]);
    });

    test("a tone: 440 Hz in PCMA, paced by the clock", async () => {
      const { reserve, configure } = await start(make);
      const [port = 0] = await reserve(0);
      const peer = await host(alice);
      const startMs = performance.now();
      await configure(
        1,
        Rig.endpoint(0, port, {
          latchFrom: [alice],
          remote: Rig.at(alice, peer.port),
          connect: { _tag: "Tone", hz: 440, payloadType: 8 },
        }),
      );
      await heardBy(peer, 30);
      expect(performance.now() - startMs).toBeGreaterThan(590);
      const packets = peer.heard.slice(0, 30).map(({ bytes }) => bytes)
        .sort((x, y) => (Packet.sequence(x) - Packet.sequence(y) << 16) >> 16);
      const samples = packets.flatMap((bytes) =>
        [...bytes.slice(12)].map((c) => G711.decode(8, c))
      );
      expect(Goertzel.share(Float32Array.from(samples), 8_000, 440)).toBeGreaterThan(0.99);
    });

    test("takeover: another engine takes the same ports after the first has gone", async () => {
      const first = await start(make);
      const [a = 0, b = 0] = await first.reserve(0, 1);
      const second = await host(bob);
      const wanted = [
        Rig.endpoint(0, a, { latchFrom: [alice], connect: Rig.toLeg(1) }),
        Rig.endpoint(1, b, { remote: Rig.at(bob, second.port), connect: Rig.toLeg(0) }),
      ];
      await first.configure(1, ...wanted);
      await first.close();
      const one = await host(alice);
      const next = await until(
        "a free first port",
        async () => {
          const engine = await start(make);
          const reply = await engine.configure(2, ...wanted);
          if (reply._tag === "RelayDone") return engine;
          await engine.close();
          return false;
        },
        5_000,
      );
      await one.send(a, Rig.rtp(5));
      await heardBy(second, 1);
      expect(next.engine.status().relays).toBe(1);
    });
  },
);
