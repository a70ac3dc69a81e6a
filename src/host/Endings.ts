/** Counts how calls end, by cause and by the party that caused it. */
import type { CallEvent } from "../../schemas/CallEvent.ts";
import type { Committed } from "../actor/Shard.ts";
import type { ShardRef } from "../journal/Journal.ts";
import type { Counters } from "../telemetry/Counters.ts";

/**
 * Takes what each shard has stored. Nothing of before `since` counts, and nothing twice: a shard
 * that is activated reads its log again.
 */
export const make = (counters: Counters, since: number) => {
  const seen = new Map<number, number>();
  return ({ shard }: ShardRef, records: ReadonlyArray<Committed>): void => {
    for (const { events, header } of records) {
      if (header.sequence <= (seen.get(shard) ?? 0)) continue;
      seen.set(shard, header.sequence);
      if (header.at < since || !header.actor.startsWith("call/")) continue;
      for (const event of events as ReadonlyArray<CallEvent>) {
        if (event._tag !== "CallEnded") continue;
        const { cause, endedBy: by } = event;
        counters.counter("calls_ended_total", { cause, by }).value++;
      }
    }
  };
};
