/**
 * A process that appends to the SQLite journal in the file that it is told until it cannot, on four
 * shards at once. Says `SHARD SEQUENCE` when the journal has acknowledged a record, and at the end
 * why it stopped. Started by tests, which end it.
 */
import { writeSync } from "node:fs";
import process from "node:process";
import { Effect } from "effect";
import { Journal } from "../../src/journal/Journal.ts";
import * as Sqlite from "../../src/journal/Sqlite.ts";
import { recordOf } from "./Rig.ts";

const [path = "journal.db"] = process.argv.slice(2);
// At once, and not through a buffer that dies with the process.
const say = (line: string): void => void writeSync(1, `${line}\n`);

const fill = Effect.fnUntraced(function* (shard: number) {
  const journal = yield* Journal;
  for (let last = yield* journal.head({ cell: "a", shard });;) {
    const first = last + 1;
    const records = Array.from({ length: 1 + first % 3 }, (_, n) => recordOf(shard, first + n));
    last = yield* journal.append({ shard: { cell: "a", shard }, expected: last, records });
    for (let n = first; n <= last; n++) say(`${shard} ${n}`);
  }
});

const all = Effect.forEach([0, 1, 2, 3], fill, { concurrency: "unbounded", discard: true });
const stopped = await Effect.runPromise(Effect.flip(Effect.provide(all, Sqlite.layer(path))));
say(`stopped: ${stopped._tag}: ${stopped.message}`);
