/**
 * Everything that rests on disk or crosses a process, by kind and tag: what `schemas/golden/` holds
 * samples of.
 */
import { Schema } from "effect";
import { CallCommand } from "../../schemas/Call.ts";
import { CallEvent } from "../../schemas/CallEvent.ts";
import { Change, Directory } from "../../schemas/Directory.ts";
import {
  EdgeEffect,
  EffectBatch,
  EffectRef,
  HostEffect,
  Performed,
  Performer,
} from "../../schemas/Effect.ts";
import {
  Announcement,
  EffectsDone,
  QueryEnvelope,
  Realms,
  ReplyEnvelope,
  RequestEnvelope,
} from "../../schemas/Envelope.ts";
import { MediaReply, MediaRequest } from "../../schemas/Media.ts";
import { RecordHeader } from "../../schemas/Record.ts";
import { Reply } from "../../schemas/Reply.ts";
import { OperationRefused } from "../../schemas/rpc/Operations.ts";
import * as Rows from "../../schemas/rpc/Rows.ts";
import { ActorSnapshot, ShardEvent } from "../../schemas/Shard.ts";
import { TenantCommand, TenantEvent } from "../../schemas/Tenant.ts";
import { UserEvent, UserQuery, UserRequest } from "../../schemas/User.ts";

/** Plain JSON on both sides: what is decoded is what was written. */
export type Shape = Schema.Codec<unknown>;
type Shapes = Readonly<Record<string, Shape>>;

export const kinds: Readonly<Record<string, Shapes>> = {
  call: CallEvent.cases,
  user: UserEvent.cases,
  tenant: TenantEvent.cases,
  shard: ShardEvent.cases,
  record: { RecordHeader, ActorSnapshot },
  command: {
    ...CallCommand.cases,
    ...UserRequest.cases,
    ...UserQuery.cases,
    ...TenantCommand.cases,
  },
  reply: Reply.cases,
  effect: { ...EdgeEffect.cases, ...HostEffect.cases },
  media: { ...MediaRequest.cases, ...MediaReply.cases },
  envelope: {
    RequestEnvelope,
    QueryEnvelope,
    ReplyEnvelope,
    EffectBatch,
    EffectRef,
    EffectsDone,
    Performed,
    Performer,
    Announcement,
    Realms,
  },
  directory: { Directory, Change },
  rpc: { ...Rows, OperationRefused: Schema.toEncoded(OperationRefused) },
};

/** Within an envelope these are told apart by their tags alone: each has samples of its own. */
export const own: ReadonlySet<unknown> = new Set(
  ["command", "reply", "effect", "media"].flatMap((kind) =>
    Object.values(kinds[kind]!).map(({ ast }) => ast)
  ),
);
