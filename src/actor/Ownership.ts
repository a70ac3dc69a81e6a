/**
 * The shards that this process owns: activates them, and when the log says that one was lost,
 * forgets it and reads the log again.
 */
import { Effect } from "effect";
import { Journal, type ShardRef } from "../journal/Journal.ts";
import * as Activation from "./Activation.ts";
import { Shard, type Surroundings } from "./Shard.ts";

export interface Ports {
  readonly claim: Activation.Claim;
  readonly around: Omit<Surroundings, "append">;
  /** A shard is ours: what its last owner left unsent goes out again. */
  readonly activated: (shard: Shard) => void;
}

const reactivateMs = 1_000;

/** Activates `refs`, one after the other; the result changes as shards are lost and won again. */
export const own = Effect.fnUntraced(function* (refs: ReadonlyArray<ShardRef>, ports: Ports) {
  const { activated, claim } = ports;
  const journal = yield* Journal;
  const scope = yield* Effect.scope;
  const run = Effect.runForkWith(yield* Effect.context<never>());
  const shards = new Map<number, Shard>();

  const around: Surroundings = {
    ...ports.around,
    append: (shard, expected, records) =>
      run(Effect.matchCause(journal.append({ shard: shard.ref, expected, records }), {
        onSuccess: () => {
          try {
            shard.stored();
          } catch (cause) {
            lost(shard, cause);
          }
        },
        onFailure: (error) => lost(shard, error),
      })),
  };
  const { behaviourOf, committed, sealer } = around;
  const sources: Activation.Sources = { journal, sealer, behaviourOf, replayed: committed };

  const activate = Effect.fnUntraced(function* (ref: ShardRef) {
    const shard = new Shard(ref, yield* Activation.activate(ref, claim, sources), around);
    shards.set(ref.shard, shard);
    activated(shard);
  });

  /** Nothing of what was in flight may be sent: forget it all and read the log again. */
  const lost = (shard: Shard, cause: unknown): void => {
    shard.close();
    shards.delete(shard.ref.shard);
    const again: Effect.Effect<void> = Effect.catchCause(
      activate(shard.ref),
      (error) =>
        Effect.logError(`shard ${shard.ref.shard} cannot be activated`, error).pipe(
          Effect.andThen(Effect.sleep(reactivateMs)),
          Effect.andThen(Effect.suspend(() => again)),
        ),
    );
    run(
      Effect.logError(`shard ${shard.ref.shard} was lost`, cause).pipe(
        Effect.andThen(Effect.sleep(reactivateMs)),
        Effect.andThen(again),
        Effect.forkIn(scope),
      ),
    );
  };

  for (const ref of refs) yield* activate(ref);
  return shards as ReadonlyMap<number, Shard>;
});
