/**
 * The engine of a media worker: takes a `MediaRequest`, answers with a `MediaReply`. It holds
 * sockets, relays and timers until its scope closes.
 */
import { Effect, type Scope, Semaphore } from "effect";
import type { MediaReply, MediaRequest } from "../../schemas/Media.ts";
import type * as Counters from "../telemetry/Counters.ts";
import type * as Endpoint from "./Endpoint.ts";
import type { Environment } from "./Environment.ts";
import type * as Udp from "../udp/Udp.ts";
import * as Path from "./Path.ts";
import * as PortPool from "./PortPool.ts";
import * as Relays from "./Relays.ts";
import * as Tones from "./Tones.ts";

export interface Options {
  readonly worker: string;
  readonly incarnation: string;
  /** Local address of the sockets. */
  readonly bind: string;
  /** Address that SDP names; another one than `bind` behind NAT. */
  readonly address: string;
  /** Range of the port pairs, both ends included; half as many pairs as ports. */
  readonly ports: { readonly first: number; readonly last: number };
  /** Default 10,000. */
  readonly reservationMs?: number;
  /** How long a released port pair rests. Default 2,000. */
  readonly quietMs?: number;
  readonly io: Udp.Udp;
  readonly environment: Environment;
  readonly counters: Counters.Counters;
}

/** What one endpoint has seen since it was reserved. */
export interface EndpointStatistics {
  readonly leg: number;
  readonly stream: number;
  readonly port: number;
  /** The latched peer, or null. */
  readonly peer: { readonly ip: string; readonly port: number } | null;
  readonly received: { readonly packets: number; readonly octets: number };
  readonly sent: { readonly packets: number; readonly octets: number };
  /** By the worker's clock; null before the first packet. */
  readonly lastReceivedMs: number | null;
  /** Leaps of the sequence number, and the packets that are missing by them. */
  readonly gaps: number;
  readonly missing: number;
}

export interface Status {
  readonly relays: number;
  readonly tones: number;
  /** Port pairs in use, bound but free, and not bound. */
  readonly ports: { readonly used: number; readonly free: number; readonly unbound: number };
}

export interface Engine {
  readonly request: (request: MediaRequest) => Effect.Effect<MediaReply>;
  /** Of the relay's endpoints; empty for an unknown relay. */
  readonly statistics: (relay: string) => ReadonlyArray<EndpointStatistics>;
  readonly status: () => Status;
}

/** Largest datagrams that are taken; each socket holds a buffer of that size. */
const maxRtpOctets = 1_600;
const maxRtcpOctets = 1_024;

const statisticsOf = (endpoint: Endpoint.Endpoint): EndpointStatistics => {
  const { leg, stream, pair, rtp, received, sent, lastReceivedMs, sequence } = endpoint;
  return {
    leg,
    stream,
    port: pair?.port ?? 0,
    peer: rtp.heardPort === 0 ? null : { ip: rtp.heardIp, port: rtp.heardPort },
    received: { ...received },
    sent: { ...sent },
    lastReceivedMs,
    gaps: sequence.gaps,
    missing: sequence.missing,
  };
};

const makePool = (
  options: Options,
  path: Path.Path,
): PortPool.PortPool<Endpoint.Endpoint> => {
  const { io, counters, environment, bind, ports } = options;
  const failures = { oversize: "oversize", receive: "receiveFailed", send: "sendFailed" } as const;
  return PortPool.make<Endpoint.Endpoint>({
    io,
    ip: bind,
    ...ports,
    quietMs: options.quietMs ?? 2_000,
    maxRtpOctets,
    maxRtcpOctets,
    now: environment.now,
    rtp: (owner, bytes, length, ip, port) => Path.receiveRtp(path, owner, bytes, length, ip, port),
    rtcp: (owner, bytes, length, ip, port) =>
      Path.receiveRtcp(path, owner, bytes, length, ip, port),
    failed: (kind, failure) => {
      path[kind].dropped[failures[failure]].value++;
    },
    skipped: (reason) => {
      counters.counter("media_ports_skipped_total", { reason }).value++;
    },
  });
};

const perform = (relays: Relays.Relays, request: MediaRequest): Effect.Effect<MediaReply> => {
  switch (request._tag) {
    case "ReserveRelay":
      return Relays.reserve(relays, request);
    case "ConfigureRelay":
      return Relays.configure(relays, request);
    case "ReleaseRelay":
      return Effect.sync(() => Relays.release(relays, request));
  }
};

/**
 * An engine that lives as long as the scope. Fails when no port of its address can be bound, with
 * the reason of the last one tried.
 */
export const make = (
  options: Options,
): Effect.Effect<Engine, Udp.BindFailed, Scope.Scope> =>
  Effect.gen(function* () {
    const { environment, counters, ports } = options;
    const path = Path.make(counters, {
      now: environment.now,
      random32: environment.random32,
      isOwn: (ip, port) =>
        port >= ports.first && port <= ports.last &&
        (ip === options.bind || ip === options.address),
    });
    const pool = makePool(options, path);
    const tones = Tones.make(path, environment);
    const reservationMs = options.reservationMs ?? 10_000;
    const relays = Relays.make({ ...options, reservationMs, pool, tones });
    const one = yield* Semaphore.make(1);
    const close = one.withPermit(Effect.sync(() => {
      tones.close();
      Relays.close(relays);
      pool.close();
    }));
    yield* Effect.addFinalizer(() => close);
    yield* pool.probe;
    return {
      // Not interrupted half-way: a pair that is being bound would belong to nobody.
      request: (request) => Effect.uninterruptible(one.withPermit(perform(relays, request))),
      statistics: (relay) =>
        [...relays.live.get(relay)?.endpoints.values() ?? []].map(statisticsOf),
      status: () => ({ relays: relays.live.size, tones: tones.playing(), ports: pool.counts() }),
    };
  });
