/** Commands on their way into an actor: preparation first, then a turn of its shard. */
import { Effect } from "effect";
import type { Addressed, CommandEnvelope } from "../../schemas/Envelope.ts";
import type { ActorId } from "../../schemas/Ids.ts";
import type { Reply } from "../../schemas/Reply.ts";
import type { AnyBehaviour } from "./Behaviour.ts";
import type { Shard } from "./Shard.ts";

type Answered = (reply: Reply | undefined) => void;

/** Undefined: not owned here, or the outcome is unknown; ask again with the same id. */
export type Submit = (envelope: CommandEnvelope, answered: Answered) => void;

export interface Ports {
  /** Those owned here, by number. */
  readonly shards: ReadonlyMap<number, Shard>;
  readonly behaviourOf: (actor: ActorId) => AnyBehaviour;
  readonly run: (effect: Effect.Effect<void>) => void;
}

const offer = (shard: Shard, envelope: Addressed, facts: unknown, resume: Answered): void => {
  const { id, actor, tenant, causation, traceparent, deadline, command } = envelope;
  const input = { _tag: "Command", command, facts } as const;
  shard.offer({ id, actor, tenant, causation, traceparent, deadline, input, resume });
};

/**
 * The same id arriving again while the first is under way waits for the same reply; arriving later
 * it is answered from the actor's memory. By callback, because a command that needs no preparation
 * is to cost no fiber.
 */
export const make = ({ behaviourOf, run, shards }: Ports): Submit => {
  const running = new Map<string, Array<Answered>>();

  return (given, answered) => {
    const shard = shards.get(given.shard);
    if (shard === undefined) return answered(undefined);
    const cell = shard.cells.get(given.actor);
    const tenant = given.tenant ?? cell?.tenant ?? "";
    const envelope = given.tenant === tenant ? given as Addressed : { ...given, tenant };
    const key = `${envelope.actor} ${envelope.id}`;
    const others = running.get(key);
    if (others !== undefined) return void others.push(answered);
    const waiting = [answered];
    running.set(key, waiting);
    const settle: Answered = (reply) => {
      running.delete(key);
      for (const tell of waiting) tell(reply);
    };
    const known = cell?.replies.some(({ id }) => id === envelope.id) ?? false;
    const preparation = known
      ? undefined
      : behaviourOf(envelope.actor).prepare(envelope, cell?.state);
    if (preparation === undefined) return offer(shard, envelope, undefined, settle);
    run(Effect.matchCause(preparation, {
      onFailure: () => settle(undefined),
      onSuccess: (prepared) =>
        prepared._tag === "Reply"
          ? settle(prepared.reply)
          : offer(shard, envelope, prepared.facts, settle),
    }));
  };
};
