/** Journal in memory: for tests, the simulation and benchmarks. Gone with the process. */
import { Effect, Layer } from "effect";
import { Journal, JournalFenced, type JournalUnavailable, oversize } from "./Journal.ts";
import type { ShardRef, Stored } from "./Journal.ts";

interface Log {
  head: number;
  records: Array<Stored>;
}

/**
 * Copies, because the writer may reuse what it gave. They share large buffers: millions of small
 * ones would cost the collector more than us.
 */
const slabOctets = 1024 * 1024;

const slabs = () => {
  let slab = new Uint8Array(slabOctets);
  let used = 0;
  return (bytes: Uint8Array): Uint8Array => {
    if (bytes.length > slabOctets / 4) return bytes.slice();
    if (used + bytes.length > slabOctets) {
      slab = new Uint8Array(slabOctets);
      used = 0;
    }
    slab.set(bytes, used);
    used += bytes.length;
    return slab.subarray(used - bytes.length, used);
  };
};

export const make = (): Journal["Service"] => {
  const logs = new Map<string, Log>();
  const keep = slabs();
  const logOf = ({ cell, shard }: ShardRef): Log => {
    const name = `${cell}.${shard}`;
    const log = logs.get(name) ?? { head: 0, records: [] };
    logs.set(name, log);
    return log;
  };
  return Journal.of({
    append: (append) =>
      Effect.suspend((): Effect.Effect<number, JournalFenced | JournalUnavailable> => {
        const { expected, records, shard } = append;
        const log = logOf(shard);
        const refused = oversize(append);
        if (refused !== undefined) return Effect.fail(refused);
        if (log.head !== expected) {
          return Effect.fail(
            new JournalFenced({ shard: shard.shard, expected, actual: log.head }),
          );
        }
        for (const bytes of records) log.records.push({ sequence: ++log.head, bytes: keep(bytes) });
        return Effect.succeed(log.head);
      }),
    read: (shard, after, limit) =>
      Effect.sync(() => {
        const { records } = logOf(shard);
        const first = records[0]?.sequence ?? 1;
        const start = Math.max(0, after + 1 - first);
        return records.slice(start, start + limit)
          .map(({ sequence, bytes }) => ({ sequence, bytes: bytes.slice() }));
      }),
    head: (shard) => Effect.sync(() => logOf(shard).head),
    cut: (shard, through) =>
      Effect.sync(() => {
        const log = logOf(shard);
        log.records = log.records.filter(
          ({ sequence }) => sequence > through || sequence === log.head,
        );
      }),
  });
};

export const layer: Layer.Layer<Journal> = Layer.sync(Journal, make);
