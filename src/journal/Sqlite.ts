/**
 * The embedded journal: `node:sqlite` in WAL mode with `synchronous = full`. Survives `kill -9`
 * and, as far as the disk keeps its promises, power failures.
 */
import { DatabaseSync } from "node:sqlite";
import { Worker } from "node:worker_threads";
import { Effect, Layer } from "effect";
import {
  type Append,
  Journal,
  JournalFenced,
  JournalUnavailable,
  oversize,
  type Stored,
} from "./Journal.ts";
import * as Area from "./SqliteArea.ts";

/** What a failure of SQLite means to people. */
export const unavailable = (path: string, cause: unknown): JournalUnavailable => {
  const reason = `${path}: ${cause instanceof Error ? cause.message : cause}`;
  const remedy = /full/i.test(reason)
    ? "free space on the disk of the data folder, then start again"
    : /malformed|not a database|corrupt/i.test(reason)
    ? "restore the data folder from its backup, or start with another --data folder"
    : /newer than this Tandem$/.test(reason)
    ? "start the Tandem that wrote it, or give another --data folder"
    : /is closed$|has ended$/.test(reason)
    ? "start again"
    : /locked|busy/i.test(reason)
    ? "stop the other process that uses the data folder, then start again"
    : "check the disk and the rights of the data folder, then start again";
  return new JournalUnavailable({ reason, remedy });
};

/** How long a disk may take to finish what was asked for, when the journal is closed. */
const closeMs = 5_000;

type Outcome = Effect.Effect<number, JournalFenced | JournalUnavailable>;

interface Waiting {
  readonly request: Area.Request;
  readonly resume: (outcome: Outcome) => void;
}

/** Takes what fits into the area from the front of the queue: one at least, none is that large. */
const take = (queue: Array<Waiting>): Array<Waiting> => {
  let octets = 4;
  let count = 0;
  for (const { request } of queue) {
    octets += Area.appendOverhead(request);
    for (const record of request.records) octets += record.length;
    if (octets > Area.areaOctets) break;
    count++;
  }
  return queue.splice(0, count);
};

const outcome = (
  { expected, shard: { shard } }: Append,
  { head, outcome }: Area.Result,
): Effect.Effect<number, JournalFenced> =>
  outcome === 0
    ? Effect.succeed(head)
    : Effect.fail(new JournalFenced({ shard, expected, actual: head }));

/** Serves appends one transaction after the other; what waits meanwhile joins the next. */
const committer = (path: string, area: Area.Area) => {
  const queue: Array<Waiting> = [];
  let running: Promise<void> | undefined;
  /** Why nothing more is taken, and whether that is because the writer is gone. */
  let refusal: JournalUnavailable | undefined;
  let gone = false;

  const run = async (): Promise<void> => {
    // Others that arrive in this turn of the event loop join the transaction.
    await Promise.resolve();
    while (queue.length > 0 && !gone) {
      const batch = take(queue);
      Area.writeRequests(area, batch.map(({ request }) => request));
      await Area.ask(area);
      const results = gone ? refusal! : Area.readResults(area);
      batch.forEach(({ request, resume }, n) => {
        resume(
          results instanceof JournalUnavailable
            ? Effect.fail(results)
            : typeof results === "string"
            ? Effect.fail(unavailable(path, results))
            : outcome(request, results[n]!),
        );
      });
    }
    running = undefined;
    if (gone) { for (const { resume } of queue.splice(0)) resume(Effect.fail(refusal!)); }
  };
  const commit = (request: Area.Request): Outcome =>
    Effect.callback((resume) => {
      const refused = refusal ?? oversize(request);
      if (refused !== undefined) return resume(Effect.fail(refused));
      queue.push({ request, resume });
      running ??= run();
    });
  /** The writer is gone: whoever waits is told, and whoever comes. */
  const end = (cause: unknown): void => {
    refusal ??= unavailable(path, cause);
    gone = true;
    Area.answer(area);
  };
  /** Serves what waits, then has the writer close the file. */
  const close = async (): Promise<void> => {
    refusal ??= unavailable(path, "the journal is closed");
    await running;
    if (gone) return;
    Area.writeRequests(area, []);
    await Area.ask(area);
  };
  return { commit, close, end };
};

type Committer = ReturnType<typeof committer>;

const startWriter = (path: string, buffer: SharedArrayBuffer, { close, end }: Committer) =>
  Effect.acquireRelease(
    Effect.callback<Worker, JournalUnavailable>((resume) => {
      const worker = new Worker(new URL("./SqliteWriter.ts", import.meta.url), {
        workerData: { path, buffer },
      });
      const gone = (cause: unknown): void => {
        end(cause);
        resume(Effect.fail(unavailable(path, cause)));
      };
      worker.on("error", gone);
      worker.on("exit", () => gone("its writer has ended"));
      worker.on("message", (message) => {
        if (message === "ready") resume(Effect.succeed(worker));
        else gone(message);
      });
    }),
    (worker) =>
      Effect.promise(close).pipe(
        Effect.timeoutOrElse({ duration: closeMs, orElse: () => Effect.void }),
        Effect.andThen(Effect.promise(() => worker.terminate())),
      ),
  );

const make = Effect.fnUntraced(function* (path: string) {
  const buffer = Area.create();
  const writer = committer(path, Area.area(buffer));
  yield* startWriter(path, buffer, writer);
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
    append: (append) => writer.commit({ ...append, isCut: false }),
    read: ({ cell, shard }, after, limit) =>
      attempt(() =>
        records.all(cell, shard, after, limit).map((row): Stored => ({
          sequence: Number(row["sequence"]),
          bytes: row["record"] as Uint8Array,
        }))
      ),
    head: ({ cell, shard }) => attempt(() => Number(head.get(cell, shard)?.["sequence"] ?? 0)),
    cut: (shard, through) =>
      writer.commit({ shard, expected: through, records: [], isCut: true }).pipe(
        Effect.asVoid,
        Effect.catchTag("JournalFenced", Effect.die),
      ),
  });
});

/** `path`: the database file; its folder must exist. */
export const layer = (path: string): Layer.Layer<Journal, JournalUnavailable> =>
  Layer.effect(Journal, make(path));
