/**
 * The relays of a worker: reservations, configurations by generation, releases. Requests come one
 * at a time; packets flow in between.
 */
import { Effect } from "effect";
import type { Endpoint as Wanted, MediaReply, MediaRequest } from "../../schemas/Media.ts";
import type * as Counters from "../telemetry/Counters.ts";
import * as Endpoint from "./Endpoint.ts";
import type { Environment } from "./Environment.ts";
import type * as PortPool from "./PortPool.ts";
import type * as Tones from "./Tones.ts";

export interface Options {
  readonly worker: string;
  readonly incarnation: string;
  /** The address that SDP names. */
  readonly address: string;
  readonly reservationMs: number;
  readonly environment: Environment;
  readonly pool: PortPool.PortPool<Endpoint.Endpoint>;
  readonly tones: Tones.Tones;
  readonly counters: Counters.Counters;
}

interface Relay {
  readonly id: string;
  /** -1 while it is only reserved. */
  generation: number;
  readonly endpoints: Map<number, Endpoint.Endpoint>;
  /** Ends the wait for its first configuration. */
  cancel: () => void;
}

export interface Relays {
  readonly options: Options;
  readonly live: Map<string, Relay>;
  /** Generation at the release, in the order of releases. */
  readonly released: Map<string, number>;
  readonly expired: Counters.Counter;
  readonly targetsRefused: Counters.Counter;
}

type Request<Tag extends MediaRequest["_tag"]> = Extract<MediaRequest, { readonly _tag: Tag }>;

/** Released relays that are remembered: an old configuration that comes late revives none. */
const maxReleased = 16_384;

export const make = (options: Options): Relays => ({
  options,
  live: new Map(),
  released: new Map(),
  expired: options.counters.counter("media_reservations_expired_total"),
  targetsRefused: options.counters.counter("media_targets_refused_total"),
});

const keyOf = ({ leg, stream }: { readonly leg: number; readonly stream: number }): number =>
  leg * 16 + stream;

const open = (relays: Relays, id: string): Relay =>
  relays.live.get(id) ?? { id, generation: -1, endpoints: new Map(), cancel: () => {} };

const free = ({ options }: Relays, endpoint: Endpoint.Endpoint): void => {
  options.tones.stop(endpoint);
  if (endpoint.pair !== null) options.pool.release(endpoint.pair);
  endpoint.pair = null;
  endpoint.wanted = null;
};

const drop = (relays: Relays, relay: Relay): void => {
  relay.cancel();
  relays.live.delete(relay.id);
  for (const endpoint of relay.endpoints.values()) free(relays, endpoint);
};

/** A relay that waits for its first configuration waits no longer than the reservation's time. */
const awaitConfiguration = (relays: Relays, relay: Relay): void => {
  if (relay.generation >= 0) return;
  const { environment, reservationMs } = relays.options;
  relay.cancel = environment.schedule(reservationMs, () => {
    relays.expired.value++;
    drop(relays, relay);
  });
};

const newEndpoint = ({ options }: Relays, leg: number, stream: number): Endpoint.Endpoint =>
  Endpoint.make(leg, stream, options.environment.random32());

/** Pairs for the keys that have none yet; null, and none taken, when there are not enough. */
const acquire = (
  relays: Relays,
  relay: Relay,
  keys: Request<"ReserveRelay">["endpoints"],
): Effect.Effect<ReadonlyMap<number, Endpoint.Endpoint> | null> =>
  Effect.gen(function* () {
    const fresh = new Map<number, Endpoint.Endpoint>();
    for (const key of keys) {
      if (relay.endpoints.has(keyOf(key)) || fresh.has(keyOf(key))) continue;
      const endpoint = newEndpoint(relays, key.leg, key.stream);
      endpoint.pair = yield* relays.options.pool.acquire(endpoint);
      if (endpoint.pair === null) {
        for (const one of fresh.values()) free(relays, one);
        return null;
      }
      fresh.set(keyOf(key), endpoint);
    }
    return fresh;
  });

export const reserve = (
  relays: Relays,
  { relay: id, endpoints }: Request<"ReserveRelay">,
): Effect.Effect<MediaReply> =>
  Effect.gen(function* () {
    const { worker, incarnation, address } = relays.options;
    const relay = open(relays, id);
    relay.cancel();
    const fresh = yield* acquire(relays, relay, endpoints);
    if (fresh === null) {
      if (relays.live.has(id)) awaitConfiguration(relays, relay);
      return { _tag: "PoolExhausted" };
    }
    for (const [key, endpoint] of fresh) relay.endpoints.set(key, endpoint);
    relays.live.set(id, relay);
    awaitConfiguration(relays, relay);
    const ports = endpoints.flatMap(({ leg, stream }) => {
      const pair = relay.endpoints.get(keyOf({ leg, stream }))?.pair ?? null;
      return pair === null ? [] : [{ leg, stream, port: pair.port }];
    });
    return { _tag: "RelayReserved", worker, incarnation, address, ports };
  });

/** True when the request is older than what is in force, or the same again. */
const isOld = (relays: Relays, id: string, generation: number): boolean => {
  const inForce = relays.live.get(id)?.generation ?? -1;
  return generation <= Math.max(inForce, relays.released.get(id) ?? -1);
};

/** An endpoint for each wanted one, on exactly its port; or the ports that could not be taken. */
const take = (
  relays: Relays,
  relay: Relay,
  wanted: ReadonlyMap<number, Wanted>,
): Effect.Effect<{
  readonly endpoints: ReadonlyMap<number, Endpoint.Endpoint>;
  readonly taken: ReadonlyArray<number>;
}> =>
  Effect.gen(function* () {
    const endpoints = new Map<number, Endpoint.Endpoint>();
    const fresh: Array<Endpoint.Endpoint> = [];
    const taken: Array<number> = [];
    for (const [key, { leg, stream, port }] of wanted) {
      const known = relay.endpoints.get(key);
      if (known?.pair?.port === port) {
        endpoints.set(key, known);
        continue;
      }
      const endpoint = newEndpoint(relays, leg, stream);
      endpoint.pair = yield* relays.options.pool.take(port, endpoint);
      if (endpoint.pair === null) taken.push(port);
      else fresh.push(endpoint);
      endpoints.set(key, endpoint);
    }
    if (taken.length > 0) { for (const endpoint of fresh) free(relays, endpoint); }
    return { endpoints, taken };
  });

/** Replaces the relay's endpoints; reserved ones that are not configured yet stay. */
const replace = (
  relays: Relays,
  relay: Relay,
  endpoints: ReadonlyMap<number, Endpoint.Endpoint>,
): void => {
  for (const [key, old] of relay.endpoints) {
    const next = endpoints.get(key);
    if (next === old || (next === undefined && old.wanted === null)) continue;
    relay.endpoints.delete(key);
    free(relays, old);
  }
  for (const [key, endpoint] of endpoints) relay.endpoints.set(key, endpoint);
};

const countRefused = ({ targetsRefused }: Relays, { remote }: Wanted): void => {
  if (remote === null) return;
  for (const one of [remote.rtp, remote.rtcp]) {
    if (one.port !== 0 && Endpoint.target(one).port === 0) targetsRefused.value++;
  }
};

const connect = ({ options }: Relays, relay: Relay): void => {
  for (const endpoint of relay.endpoints.values()) {
    const to = endpoint.wanted?.connect;
    endpoint.to = to?._tag === "ToLeg"
      ? relay.endpoints.get(keyOf({ leg: to.leg, stream: endpoint.stream })) ?? null
      : null;
    if (to?._tag === "Tone") options.tones.play(endpoint, to.hz, to.payloadType);
    else options.tones.stop(endpoint);
  }
};

export const configure = (
  relays: Relays,
  { relay: id, generation, endpoints }: Request<"ConfigureRelay">,
): Effect.Effect<MediaReply> =>
  Effect.gen(function* () {
    if (isOld(relays, id, generation)) return { _tag: "RelayDone" };
    const relay = open(relays, id);
    relay.cancel();
    const wanted = new Map(endpoints.map((one) => [keyOf(one), one]));
    const { endpoints: next, taken } = yield* take(relays, relay, wanted);
    if (taken.length > 0) {
      if (relays.live.has(id)) awaitConfiguration(relays, relay);
      return { _tag: "PortsTaken", ports: taken };
    }
    replace(relays, relay, next);
    for (const [key, one] of wanted) {
      const endpoint = relay.endpoints.get(key);
      if (endpoint === undefined) continue;
      countRefused(relays, one);
      Endpoint.configure(endpoint, one);
    }
    relay.generation = generation;
    relays.live.set(id, relay);
    connect(relays, relay);
    return { _tag: "RelayDone" };
  });

export const release = (
  relays: Relays,
  { relay: id, generation }: Request<"ReleaseRelay">,
): MediaReply => {
  const relay = relays.live.get(id);
  if (relay !== undefined && generation < relay.generation) return { _tag: "RelayDone" };
  if (relay !== undefined) drop(relays, relay);
  const last = Math.max(generation, relays.released.get(id) ?? -1);
  relays.released.delete(id);
  relays.released.set(id, last);
  const oldest = relays.released.keys().next().value;
  if (relays.released.size > maxReleased && oldest !== undefined) relays.released.delete(oldest);
  return { _tag: "RelayDone" };
};

/** Stops every timer; the ports are closed with their pool. */
export const close = (relays: Relays): void => {
  for (const relay of relays.live.values()) relay.cancel();
  relays.live.clear();
};
