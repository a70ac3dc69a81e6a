/**
 * Port of the bus: request and reply, and publication. Payloads are plain JSON values, checked by
 * schema where they are received, not where they are sent.
 */
import { Context, type Effect, Schema, type Scope } from "effect";

/** Nobody serves this subject: a death signal within milliseconds. */
export class NoResponders extends Schema.TaggedError<NoResponders>()("NoResponders", {
  subject: Schema.String,
}) {}

/** No reply in time: whether the request was carried out is unknown. */
export class BusTimeout extends Schema.TaggedError<BusTimeout>()("BusTimeout", {
  subject: Schema.String,
  timeoutMs: Schema.Int,
}) {}

export class Bus extends Context.Service<Bus, {
  readonly request: (
    subject: string,
    payload: unknown,
    timeoutMs: number,
  ) => Effect.Effect<unknown, NoResponders | BusTimeout>;
  /** One server for each subject; a second one is a defect. */
  readonly serve: (
    subject: string,
    answer: (payload: unknown) => Effect.Effect<unknown>,
  ) => Effect.Effect<void, never, Scope.Scope>;
  readonly publish: (subject: string, payload: unknown) => Effect.Effect<void>;
  readonly subscribe: (
    subject: string,
    listen: (payload: unknown) => Effect.Effect<void>,
  ) => Effect.Effect<void, never, Scope.Scope>;
}>()("tandem/bus/Bus") {}
