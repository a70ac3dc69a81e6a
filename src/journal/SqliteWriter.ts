/**
 * Writer thread of the embedded journal: commits wait for the disk here and nowhere else. Started
 * by `Sqlite.ts`; all appends that wait together are one transaction.
 */
import { DatabaseSync } from "node:sqlite";
import { parentPort, workerData } from "node:worker_threads";
import type { Append } from "./Journal.ts";
import * as Area from "./SqliteArea.ts";

const schema = `
  create table if not exists head (
    cell text not null, shard integer not null, sequence integer not null,
    primary key (cell, shard)) without rowid;
  create table if not exists log (
    cell text not null, shard integer not null, sequence integer not null, record blob not null,
    primary key (cell, shard, sequence)) without rowid`;

const open = (path: string): DatabaseSync => {
  const database = new DatabaseSync(path);
  database.exec("pragma journal_mode = wal; pragma synchronous = full");
  database.exec(schema);
  return database;
};

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
  const perform = ({ shard: { cell, shard }, expected, records }: Append): Area.Result => {
    let sequence = Number(head.get(cell, shard)?.["sequence"] ?? 0);
    if (records.length === 0) {
      remove.run(cell, shard, expected, sequence);
      return { outcome: 0, head: sequence };
    }
    if (sequence !== expected) return { outcome: 1, head: sequence };
    for (const record of records) insert.run(cell, shard, ++sequence, record);
    setHead.run(cell, shard, sequence);
    return { outcome: 0, head: sequence };
  };
  return (appends: ReadonlyArray<Append>): ReadonlyArray<Area.Result> | string => {
    try {
      begin.run();
      const results = appends.map(perform);
      commit.run();
      return results;
    } catch (cause) {
      try {
        rollback.run();
      } catch {
        // The failure itself has ended the transaction.
      }
      return String(cause);
    }
  };
};

const { path, buffer } = workerData as {
  readonly path: string;
  readonly buffer: SharedArrayBuffer;
};
const area = Area.area(buffer);
try {
  const write = writer(open(path));
  parentPort!.postMessage("ready");
  for (let seen = 0;;) {
    seen = Area.awaitRequest(area, seen);
    Area.writeResults(area, write(Area.readAppends(area)));
    Area.answer(area);
  }
} catch (cause) {
  parentPort!.postMessage(String(cause));
}
