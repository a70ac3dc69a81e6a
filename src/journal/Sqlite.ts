/**
 * The embedded journal: `node:sqlite` in WAL mode with `synchronous = full`. Survives `kill -9`
 * and, as far as the disk keeps its promises, power failures.
 */
import { DatabaseSync } from "node:sqlite";
import { Worker } from "node:worker_threads";
import { Effect, Layer } from "effect";
import { type Append, Journal, JournalFenced, JournalUnavailable, type Stored } from "./Journal.ts";
import * as Area from "./SqliteArea.ts";

const unavailable = (path: string, cause: unknown): JournalUnavailable => {
  const reason = `${path}: ${cause instanceof Error ? cause.message : cause}`;
  const remedy = /full/i.test(reason)
    ? "free space on the disk of the data folder, then start again"
    : /malformed|not a database|corrupt/i.test(reason)
    ? "restore the data folder from its backup, or start with another --data folder"
    : "check the disk and the rights of the data folder, then start again";
  return new JournalUnavailable({ reason, remedy });
};

interface Waiting {
  readonly append: Append;
  readonly resume: (effect: Effect.Effect<number, JournalFenced | JournalUnavailable>) => void;
}

/** Takes what fits into the area from the front of the queue. */
const take = (queue: Array<Waiting>): Array<Waiting> => {
  let octets = 4;
  let count = 0;
  for (const { append } of queue) {
    octets += Area.appendOverhead(append);
    for (const record of append.records) octets += record.length;
    if (octets > Area.areaOctets) break;
    count++;
  }
  return queue.splice(0, count);
};

const outcome = (
  append: Append,
  result: Area.Result,
): Effect.Effect<number, JournalFenced> =>
  result.outcome === 0 ? Effect.succeed(result.head) : Effect.fail(
    new JournalFenced({
      shard: append.shard.shard,
      expected: append.expected,
      actual: result.head,
    }),
  );

/** Serves appends one transaction after the other; what waits meanwhile joins the next. */
const committer = (path: string, area: Area.Area) => {
  const queue: Array<Waiting> = [];
  let busy = false;
  const run = async (): Promise<void> => {
    while (queue.length > 0) {
      const batch = take(queue);
      Area.writeAppends(area, batch.map(({ append }) => append));
      await Area.ask(area);
      const results = Area.readResults(area);
      batch.forEach(({ append, resume }, n) => {
        resume(
          typeof results === "string"
            ? Effect.fail(unavailable(path, results))
            : outcome(append, results[n]!),
        );
      });
    }
    busy = false;
  };
  return (append: Append): Effect.Effect<number, JournalFenced | JournalUnavailable> =>
    Effect.callback((resume) => {
      queue.push({ append, resume });
      if (busy) return;
      busy = true;
      // Others that arrive in this turn of the event loop join the transaction.
      queueMicrotask(() => void run());
    });
};

const startWriter = (path: string, buffer: SharedArrayBuffer) =>
  Effect.acquireRelease(
    Effect.callback<Worker, JournalUnavailable>((resume) => {
      const worker = new Worker(new URL("./SqliteWriter.ts", import.meta.url), {
        workerData: { path, buffer },
      });
      worker.once("error", (cause) => resume(Effect.fail(unavailable(path, cause))));
      worker.once("message", (message) => {
        resume(
          message === "ready" ? Effect.succeed(worker) : Effect.fail(
            unavailable(path, message),
          ),
        );
      });
    }),
    (worker) => Effect.promise(() => worker.terminate()),
  );

const make = Effect.fnUntraced(function* (path: string) {
  const buffer = Area.create();
  yield* startWriter(path, buffer);
  const commit = committer(path, Area.area(buffer));
  const reader = yield* Effect.acquireRelease(
    Effect.try({
      try: () => new DatabaseSync(path, { readOnly: true }),
      catch: (cause) => unavailable(path, cause),
    }),
    (database) => Effect.sync(() => database.close()),
  );
  const attempt = <A>(read: () => A) =>
    Effect.try({ try: read, catch: (cause) => unavailable(path, cause) });
  const records = reader.prepare(
    `select sequence, record from log where cell = ? and shard = ? and sequence > ?
     order by sequence limit ?`,
  );
  const head = reader.prepare("select sequence from head where cell = ? and shard = ?");
  return Journal.of({
    append: commit,
    read: ({ cell, shard }, after, limit) =>
      attempt(() =>
        records.all(cell, shard, after, limit).map((row): Stored => ({
          sequence: Number(row["sequence"]),
          bytes: row["record"] as Uint8Array,
        }))
      ),
    head: ({ cell, shard }) => attempt(() => Number(head.get(cell, shard)?.["sequence"] ?? 0)),
    cut: (shard, through) =>
      commit(Area.cut({ shard, expected: through })).pipe(
        Effect.asVoid,
        Effect.catchTag("JournalFenced", Effect.die),
      ),
  });
});

/** `path`: the database file; its folder must exist. */
export const layer = (path: string): Layer.Layer<Journal, JournalUnavailable> =>
  Layer.effect(Journal, make(path));
