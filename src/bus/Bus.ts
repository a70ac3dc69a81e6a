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

/** A payload that this bus does not carry: nothing was sent. */
export class PayloadTooLarge extends Schema.TaggedError<PayloadTooLarge>()("PayloadTooLarge", {
  subject: Schema.String,
  octets: Schema.Int,
  most: Schema.Int,
}) {
  override get message(): string {
    return `a message of ${this.octets} octets to ${this.subject}, of at most ${this.most}; ` +
      "send it in parts";
  }
}

export class Bus extends Context.Service<Bus, {
  readonly request: (
    subject: string,
    payload: unknown,
    timeoutMs: number,
  ) => Effect.Effect<unknown, NoResponders | BusTimeout | PayloadTooLarge>;
  /**
   * One server for each subject; a second one is a defect. Whoever asks a server that dies waits
   * until its deadline.
   */
  readonly serve: (
    subject: string,
    answer: (payload: unknown) => Effect.Effect<unknown>,
  ) => Effect.Effect<void, never, Scope.Scope>;
  /** To all who listen now; it waits for none of them. */
  readonly publish: (subject: string, payload: unknown) => Effect.Effect<void>;
  readonly subscribe: (
    subject: string,
    listen: (payload: unknown) => Effect.Effect<void>,
  ) => Effect.Effect<void, never, Scope.Scope>;
}>()("tandem/bus/Bus") {}
