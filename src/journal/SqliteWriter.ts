/**
 * Writer thread of the embedded journal: commits wait for the disk here and nowhere else. Started
 * by `Sqlite.ts`; all appends that wait together are one transaction.
 */
import type { DatabaseSync } from "node:sqlite";
import { parentPort, workerData } from "node:worker_threads";
import * as Area from "./SqliteArea.ts";
import * as File from "./SqliteFile.ts";

const writer = (database: DatabaseSync) => {
  const begin = database.prepare("begin immediate");
  const commit = database.prepare("commit");
  const rollback = database.prepare("rollback");
  const head = database.prepare("select sequence from head where cell = ? and shard = ?");
  const setHead = database.prepare(
    `insert into head values (?, ?, ?)
     on conflict (cell, shard) do update set sequence = excluded.sequence`,
  );
  const insert = database.prepare("insert into log values (?, ?, ?, ?)");
  const remove = database.prepare(
    "delete from log where cell = ? and shard = ? and sequence <= ? and sequence < ?",
  );
  const perform = (request: Area.Request): Area.Result => {
    const { expected, isCut, records, shard: { cell, shard } } = request;
    let sequence = Number(head.get(cell, shard)?.["sequence"] ?? 0);
    if (isCut) {
      remove.run(cell, shard, expected, sequence);
      return { outcome: 0, head: sequence };
    }
    if (sequence !== expected) return { outcome: 1, head: sequence };
    if (records.length === 0) return { outcome: 0, head: sequence };
    for (const record of records) insert.run(cell, shard, ++sequence, record);
    setHead.run(cell, shard, sequence);
    return { outcome: 0, head: sequence };
  };
  return (requests: ReadonlyArray<Area.Request>): ReadonlyArray<Area.Result> | string => {
    try {
      begin.run();
      const results = requests.map(perform);
      commit.run();
      return results;
    } catch (cause) {
      try {
        rollback.run();
      } catch {
        // The failure itself has ended the transaction.
      }
      return said(cause);
    }
  };
};

const said = (cause: unknown): string => cause instanceof Error ? cause.message : String(cause);

const { path, buffer } = workerData as {
  readonly path: string;
  readonly buffer: SharedArrayBuffer;
};
const area = Area.area(buffer);
try {
  const database = File.open(path);
  const write = writer(database);
  parentPort!.postMessage("ready");
  for (let seen = 0;;) {
    seen = Area.awaitRequest(area, seen);
    const requests = Area.readRequests(area);
    if (requests.length === 0) break;
    Area.writeResults(area, write(requests));
    Area.answer(area);
  }
  // The last to close leaves one file, without a log beside it.
  database.close();
  Area.answer(area);
} catch (cause) {
  parentPort!.postMessage(said(cause));
}
