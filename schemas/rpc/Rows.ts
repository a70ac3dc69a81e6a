/** What operations return: rows of the projections, as people and programs read them. */
import { Schema } from "effect";

/** A live call. */
export const CallRow = Schema.Struct({
  call: Schema.String,
  tenant: Schema.String,
  phase: Schema.Literals(["setup", "up"]),
  caller: Schema.String,
  dialled: Schema.String,
  callee: Schema.NullOr(Schema.String),
  startedAt: Schema.Int,
  answeredAt: Schema.NullOr(Schema.Int),
  legs: Schema.Int,
});
export type CallRow = typeof CallRow.Type;

/** A call that has ended. `durationMs` is the time from answer to end, 0 when nobody answered. */
export const CdrRow = Schema.Struct({
  call: Schema.String,
  tenant: Schema.String,
  caller: Schema.String,
  callee: Schema.NullOr(Schema.String),
  dialled: Schema.String,
  startedAt: Schema.Int,
  ringingAt: Schema.NullOr(Schema.Int),
  answeredAt: Schema.NullOr(Schema.Int),
  endedAt: Schema.Int,
  durationMs: Schema.Int,
  cause: Schema.String,
  endedBy: Schema.String,
  status: Schema.Int,
  legs: Schema.Int,
});
export type CdrRow = typeof CdrRow.Type;

export const BindingRow = Schema.Struct({
  tenant: Schema.String,
  extension: Schema.String,
  uri: Schema.String,
  flow: Schema.String,
  expiresAt: Schema.Int,
  userAgent: Schema.String,
});
export type BindingRow = typeof BindingRow.Type;

/** A SIP message that passed an edge, without its body and credentials. */
export const MessageRow = Schema.Struct({
  at: Schema.Int,
  call: Schema.String,
  edge: Schema.String,
  direction: Schema.Literals(["in", "out"]),
  /** `udp 192.0.2.1:5060`. */
  peer: Schema.String,
  line: Schema.String,
  cseq: Schema.String,
});
export type MessageRow = typeof MessageRow.Type;

/** A journal record of an actor. */
export const RecordRow = Schema.Struct({
  at: Schema.Int,
  sequence: Schema.Int,
  epoch: Schema.Int,
  causation: Schema.String,
  events: Schema.Array(Schema.String),
});
export type RecordRow = typeof RecordRow.Type;

export const Check = Schema.Struct({
  name: Schema.String,
  verdict: Schema.Literals(["good", "warning", "bad"]),
  detail: Schema.String,
});
export type Check = typeof Check.Type;

export const CounterRow = Schema.Struct({
  name: Schema.String,
  labels: Schema.Record(Schema.String, Schema.String),
  value: Schema.Number,
});
export type CounterRow = typeof CounterRow.Type;
