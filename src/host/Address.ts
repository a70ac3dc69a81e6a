/** How a core speaks to other actors: through the bus, wherever they live. */
import { Effect } from "effect";
import { type CommandEnvelope, isReplyEnvelope } from "../../schemas/Envelope.ts";
import type { ActorId, CellId, TenantId } from "../../schemas/Ids.ts";
import type { Reply } from "../../schemas/Reply.ts";
import * as Subjects from "../../schemas/Subjects.ts";
import type { Bus } from "../bus/Bus.ts";
import * as Hash from "../kernel/Hash.ts";

export interface Address {
  readonly bus: Bus["Service"];
  readonly cell: CellId;
  readonly shards: number;
  readonly now: () => number;
}

const timeoutMs = 4_000;

/** The reply of another actor; undefined when it could not be had in time. */
export const ask = (
  address: Address,
  tenant: TenantId,
  actor: ActorId,
  id: string,
  command: CommandEnvelope["command"],
): Effect.Effect<Reply | undefined> => {
  const { bus, cell, now, shards } = address;
  const shard = Hash.shardOf(actor, shards);
  const envelope = {
    id,
    cell,
    shard,
    tenant,
    actor,
    deadline: now() + timeoutMs,
    causation: id,
    traceparent: null,
    command,
  };
  return Effect.match(bus.request(Subjects.queries(cell, shard), envelope, timeoutMs), {
    onFailure: () => undefined,
    onSuccess: (answer) => isReplyEnvelope(answer) ? answer.reply : undefined,
  });
};
