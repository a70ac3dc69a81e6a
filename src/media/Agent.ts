/** The mailbox of a media worker: reservations and effect batches for its engine. */
import { Effect, Schema } from "effect";
import { EffectBatch, type Performed } from "../../schemas/Effect.ts";
import { MediaRequest } from "../../schemas/Media.ts";
import type { Counters } from "../telemetry/Counters.ts";
import type { Engine } from "./Engine.ts";

const decodeBatch = Schema.decodeUnknownExit(EffectBatch);
const decodeRequest = Schema.decodeUnknownExit(MediaRequest);
const isOrder = Schema.is(MediaRequest);

/** Answers one message of the bus. */
export const make = (engine: Engine, counters: Counters) => {
  /** Highest epoch of each shard: a batch of an older owner is refused. */
  const epochs = new Map<string, number>();
  const malformed = counters.counter("bus_messages_refused_total", { reason: "schema" });
  const portsTaken = counters.counter("media_ports_taken_total");

  const perform = Effect.fnUntraced(function* (batch: EffectBatch) {
    const { cell, effects, epoch, shard } = batch;
    const key = `${cell}.${shard}`;
    if (epoch < (epochs.get(key) ?? 0)) return effects.map((): "refused" => "refused");
    epochs.set(key, epoch);
    const performed: Array<Performed[number]> = [];
    for (const { body } of effects) {
      if (!isOrder(body)) {
        performed.push("done");
        continue;
      }
      const reply = yield* engine.request(body);
      if (reply._tag === "PortsTaken") portsTaken.value++;
      // A configuration stands: it is sent again to the next life of this worker.
      performed.push(body._tag === "ConfigureRelay" ? "taken" : "done");
    }
    return performed;
  });

  return (payload: unknown): Effect.Effect<unknown> => {
    const batch = decodeBatch(payload);
    if (batch._tag === "Success") return perform(batch.value);
    const request = decodeRequest(payload);
    if (request._tag === "Success") return engine.request(request.value);
    malformed.value++;
    return Effect.succeed(undefined);
  };
};
