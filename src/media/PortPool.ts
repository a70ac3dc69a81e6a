/**
 * Port pairs of a media worker: an even RTP port and the odd RTCP port above it (RFC 3550 section
 * 11). Sockets stay bound after release, because binding costs more than a call's other set-up, and
 * the longest released pair is used first, so that late packets of its last call have run dry.
 */
import { Effect } from "effect";
import type * as Udp from "../udp/Udp.ts";

export interface Pair<Owner> {
  /** The RTP port; RTCP is the next one. */
  readonly port: number;
  readonly rtp: Udp.UdpSocket;
  readonly rtcp: Udp.UdpSocket;
  /** Whose packets these are; null while the pair is free. */
  owner: Owner | null;
  releasedAtMs: number;
}

export interface Options<Owner> {
  readonly io: Udp.Udp;
  readonly ip: string;
  /** First and last port of the range, both included. */
  readonly first: number;
  readonly last: number;
  /** A pair rests so long before it is used again, while there are ports that never were. */
  readonly quietMs: number;
  readonly maxRtpOctets: number;
  readonly maxRtcpOctets: number;
  readonly now: () => number;
  readonly rtp: (owner: Owner | null, ...packet: Parameters<Udp.Receive>) => void;
  readonly rtcp: (owner: Owner | null, ...packet: Parameters<Udp.Receive>) => void;
  readonly failed: (kind: "rtp" | "rtcp", failure: Udp.Failure) => void;
  /** A bind that failed; `inUse` ports are skipped. */
  readonly skipped: (reason: Udp.BindReason) => void;
}

export interface PortPool<Owner> {
  /** A pair for an owner, or null when none is free. */
  readonly acquire: (owner: Owner) => Effect.Effect<Pair<Owner> | null>;
  /** Exactly this pair, or null when it is another's or cannot be bound. */
  readonly take: (port: number, owner: Owner) => Effect.Effect<Pair<Owner> | null>;
  readonly release: (pair: Pair<Owner>) => void;
  /** Binds one pair ahead: fails if the address itself cannot be used. */
  readonly probe: Effect.Effect<void, Udp.BindFailed>;
  readonly counts: () => { readonly used: number; readonly free: number; readonly unbound: number };
  readonly close: () => void;
}

/** Ports that one request tries at most, so that it ends soon. */
const maxTries = 512;

const evenPorts = (first: number, last: number): Array<number> => {
  const ports: Array<number> = [];
  for (let port = first + first % 2; port < last; port += 2) ports.push(port);
  return ports;
};

const bindPair = <Owner>(
  options: Options<Owner>,
  port: number,
): Effect.Effect<Pair<Owner>, Udp.BindFailed> =>
  Effect.gen(function* () {
    const { io, ip } = options;
    let pair: Pair<Owner> | null = null;
    const rtp = yield* io.bind({
      ip,
      port,
      maxOctets: options.maxRtpOctets,
      receive: (bytes, length, from, fromPort) =>
        options.rtp(pair === null ? null : pair.owner, bytes, length, from, fromPort),
      failed: (failure) => options.failed("rtp", failure),
    });
    const rtcp = yield* io.bind({
      ip,
      port: port + 1,
      maxOctets: options.maxRtcpOctets,
      receive: (bytes, length, from, fromPort) =>
        options.rtcp(pair === null ? null : pair.owner, bytes, length, from, fromPort),
      failed: (failure) => options.failed("rtcp", failure),
    }).pipe(Effect.tapError(() => Effect.sync(() => rtp.close())));
    pair = { port, rtp, rtcp, owner: null, releasedAtMs: -Infinity };
    return pair;
  });

/**
 * Binds the next port that is not another program's and tries each of them once at most; null when
 * none is left. Ports that failed go to the end; the last failure is the effect's.
 */
const bindNext = <Owner>(
  options: Options<Owner>,
  unbound: Array<number>,
): Effect.Effect<Pair<Owner> | null, Udp.BindFailed> =>
  Effect.gen(function* () {
    let left = Math.min(unbound.length, maxTries);
    for (;;) {
      const port = unbound.shift();
      if (port === undefined) return null;
      const bound = yield* Effect.result(bindPair(options, port));
      if (bound._tag === "Success") return bound.success;
      unbound.push(port);
      options.skipped(bound.failure.reason);
      if (bound.failure.reason !== "inUse" || --left === 0) return yield* bound.failure;
    }
  });

export const make = <Owner>(options: Options<Owner>): PortPool<Owner> => {
  const used = new Map<number, Pair<Owner>>();
  /** In the order of their release. */
  const free = new Map<number, Pair<Owner>>();
  /** Never bound, or found in use by others: those are at the end. */
  const unbound = evenPorts(options.first, options.last);

  const occupy = (pair: Pair<Owner>, owner: Owner): Pair<Owner> => {
    free.delete(pair.port);
    used.set(pair.port, pair);
    pair.owner = owner;
    return pair;
  };

  return {
    acquire: (owner) =>
      Effect.gen(function* () {
        const oldest = free.values().next().value;
        const rested = options.now() - options.quietMs;
        if (oldest !== undefined && oldest.releasedAtMs <= rested) return occupy(oldest, owner);
        const fresh = yield* bindNext(options, unbound).pipe(
          Effect.catch(() => Effect.succeed(null)),
        );
        if (fresh !== null) return occupy(fresh, owner);
        // A late packet is a smaller evil than a refused call: sources are checked anyway.
        return oldest === undefined ? null : occupy(oldest, owner);
      }),
    take: (port, owner) =>
      Effect.gen(function* () {
        const known = free.get(port);
        if (known !== undefined) return occupy(known, owner);
        if (!unbound.includes(port)) return null;
        const bound = yield* Effect.result(bindPair(options, port));
        if (bound._tag === "Failure") {
          options.skipped(bound.failure.reason);
          return null;
        }
        unbound.splice(unbound.indexOf(port), 1);
        return occupy(bound.success, owner);
      }),
    release: (pair) => {
      pair.owner = null;
      pair.releasedAtMs = options.now();
      used.delete(pair.port);
      free.set(pair.port, pair);
    },
    probe: Effect.gen(function* () {
      const pair = yield* bindNext(options, unbound).pipe(
        // Ports of other programs say nothing against the address; later ones may be free.
        Effect.catchIf(({ reason }) => reason === "inUse", () => Effect.succeed(null)),
      );
      if (pair !== null) free.set(pair.port, pair);
    }),
    counts: () => ({ used: used.size, free: free.size, unbound: unbound.length }),
    close: () => {
      for (const { rtp, rtcp } of [...used.values(), ...free.values()]) {
        rtp.close();
        rtcp.close();
      }
      used.clear();
      free.clear();
      unbound.length = 0;
    },
  };
};
