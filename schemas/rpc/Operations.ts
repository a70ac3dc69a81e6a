/** Typed operations on a running Tandem: what the CLI, and later every SDK, can ask for. */
import { Schema } from "effect";
import { Rpc, RpcGroup } from "effect/rpc";
import { Change } from "../Directory.ts";
import { BindingRow, CallRow, CdrRow, Check, CounterRow, MessageRow, RecordRow } from "./Rows.ts";

/** The operation could not be done; the reason is for people. */
export class OperationRefused extends Schema.TaggedError<OperationRefused>()("OperationRefused", {
  reason: Schema.String,
}) {
  override get message(): string {
    return this.reason;
  }
}

const tenant = Schema.NullOr(Schema.String);

export class Operations extends RpcGroup.make(
  Rpc.make("ApplyDirectory", {
    payload: {
      directory: Schema.Unknown,
      removals: Schema.Boolean,
      dryRun: Schema.Boolean,
    },
    success: Schema.Array(Change),
    error: OperationRefused,
  }),
  Rpc.make("ListCalls", {
    payload: { tenant },
    success: Schema.Array(CallRow),
    error: OperationRefused,
  }),
  Rpc.make("ShowCall", {
    payload: { call: Schema.String },
    success: Schema.Struct({
      call: Schema.NullOr(CallRow),
      cdr: Schema.NullOr(CdrRow),
      messages: Schema.Array(MessageRow),
      records: Schema.Array(RecordRow),
    }),
    error: OperationRefused,
  }),
  /** The newest first. */
  Rpc.make("ListCdrs", {
    payload: { tenant, limit: Schema.Int },
    success: Schema.Array(CdrRow),
    error: OperationRefused,
  }),
  Rpc.make("ListBindings", {
    payload: { tenant },
    success: Schema.Array(BindingRow),
    error: OperationRefused,
  }),
  Rpc.make("Examine", {
    success: Schema.Struct({
      checks: Schema.Array(Check),
      counters: Schema.Array(CounterRow),
    }),
    error: OperationRefused,
  }),
) {}
