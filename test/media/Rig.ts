/** A media engine on a network in memory and a clock that only tests move. */
import { Effect, Exit, Scope } from "effect";
import type { Endpoint, MediaReply, MediaRequest } from "../../schemas/Media.ts";
import * as Engine from "../../src/media/Engine.ts";
import type { Environment } from "../../src/media/Environment.ts";
import * as MemoryUdp from "../../src/udp/Memory.ts";
import * as Packet from "../../src/rtp/Packet.ts";
import * as Counters from "../../src/telemetry/Counters.ts";

/** Time that moves by `advance`, timers in order, randomness by a seed. */
export const virtual = (seed = 1) => {
  let now = 1_000;
  let state = seed;
  let timers: Array<{ readonly at: number; readonly run: () => void }> = [];
  const environment: Environment = {
    now: () => now,
    random32: () => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return state;
    },
    schedule: (delayMs, run) => {
      const timer = { at: now + delayMs, run };
      timers.push(timer);
      return () => timers = timers.filter((one) => one !== timer);
    },
  };
  /** Moves the clock; `late` ms more pass before each timer runs. */
  const advance = (ms: number, late = 0) => {
    const end = now + ms;
    for (;;) {
      const [next] = timers.filter(({ at }) => at + late <= end).sort((a, b) => a.at - b.at);
      if (next === undefined) break;
      timers = timers.filter((one) => one !== next);
      now = Math.max(now, next.at + late);
      next.run();
    }
    now = end;
  };
  /** The process stands still: time passes, no timer runs. */
  const stall = (ms: number) => {
    now += ms;
  };
  return { environment, advance, stall, timers: () => timers.length };
};

/** An RTP packet: PCMU, 160 octets of payload unless told. */
export const rtp = (sequence: number, ssrc = 7, payload = 160): Uint8Array => {
  const bytes = new Uint8Array(12 + payload).fill(0x55);
  Packet.write(bytes, 0, false, sequence, sequence * 160, ssrc);
  return bytes;
};

/** A receiver report without blocks. */
export const rtcp = (ssrc = 7): Uint8Array => Uint8Array.of(0x80, 201, 0, 1, 0, 0, 0, ssrc);

export const workerIp = "192.0.2.200";
export const address = "198.51.100.9";

export interface Arrival {
  readonly bytes: Uint8Array;
  readonly ip: string;
  readonly port: number;
}

export const make = (options: Partial<Engine.Options> = {}) => {
  const network = MemoryUdp.make();
  const clock = virtual();
  const counters = Counters.make();
  const scope = Effect.runSync(Scope.make());
  const engine = Effect.runSync(
    Engine.make({
      worker: "media-1",
      incarnation: "boot-1",
      bind: workerIp,
      address,
      ports: { first: 20_000, last: 20_099 },
      io: network.io,
      environment: clock.environment,
      counters,
      ...options,
    }).pipe(Scope.provide(scope)),
  );
  const ask = (request: MediaRequest): MediaReply => Effect.runSync(engine.request(request));
  /** Ports for legs of stream 0. */
  const reserve = (relay: string, ...legs: ReadonlyArray<number>): ReadonlyArray<number> => {
    const reply = ask({
      _tag: "ReserveRelay",
      relay,
      endpoints: legs.map((leg) => ({ leg, stream: 0 })),
    });
    if (reply._tag !== "RelayReserved") throw new Error(reply._tag);
    return reply.ports.map(({ port }) => port);
  };
  const configure = (relay: string, generation: number, ...endpoints: ReadonlyArray<Endpoint>) =>
    ask({ _tag: "ConfigureRelay", relay, generation, endpoints });
  /** A host's port; what arrives is kept. */
  const host = (ip: string, port: number) => {
    const arrivals: Array<Arrival> = [];
    const socket = Effect.runSync(network.io.bind({
      ip,
      port,
      maxOctets: 2_000,
      receive: (bytes, length, from, fromPort) => {
        arrivals.push({ bytes: bytes.slice(0, length), ip: from, port: fromPort });
      },
      failed: () => {},
    }));
    return {
      ip,
      port,
      /** Sends to a port of the worker and lets everything arrive. */
      send: (to: number, bytes: Uint8Array) => {
        socket.send(bytes, bytes.length, workerIp, to);
        return network.deliver();
      },
      /** What has arrived since the last time that this was asked. */
      take: () => arrivals.splice(0),
    };
  };
  const dropped = (kind: "rtp" | "rtcp", reason: string): number =>
    counters.counter("media_dropped_total", { kind, reason }).value;
  const close = () => Effect.runSync(Scope.close(scope, Exit.void));
  return { network, clock, counters, engine, ask, reserve, configure, host, dropped, close };
};

/** An endpoint that sends, receives and connects to nothing, unless told. */
export const endpoint = (
  leg: number,
  port: number,
  change: Partial<Endpoint> = {},
): Endpoint => ({
  leg,
  stream: 0,
  port,
  remote: null,
  latchFrom: [],
  sdp: 1,
  receives: true,
  sends: true,
  connect: { _tag: "Nothing" },
  ...change,
});

export const toLeg = (leg: number) => ({ _tag: "ToLeg" as const, leg });
export const at = (ip: string, port: number) => ({
  rtp: { ip, port },
  rtcp: { ip, port: port + 1 },
});
