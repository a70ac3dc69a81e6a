/** The file of the embedded journal, opened so that an acknowledged transaction stays. */
import { DatabaseSync } from "node:sqlite";

/** Of the tables; records and events have versions of their own. */
const version = 1;

const schema = `
  create table if not exists head (
    cell text not null, shard integer not null, sequence integer not null,
    primary key (cell, shard)) without rowid;
  create table if not exists log (
    cell text not null, shard integer not null, sequence integer not null, record blob not null,
    primary key (cell, shard, sequence)) without rowid`;

/** What SQLite calls `full`: the log is on the disk before a commit returns. */
const full = 2;

/** For the one that writes. Throws when the file is none of ours, or cannot be made safe. */
export const open = (path: string): DatabaseSync => {
  const database = new DatabaseSync(path);
  try {
    database.exec("pragma journal_mode = wal; pragma synchronous = full");
    // Where the file system cannot do it, SQLite keeps another mode and says nothing.
    const mode = database.prepare("pragma journal_mode").get()?.["journal_mode"];
    const synchronous = database.prepare("pragma synchronous").get()?.["synchronous"];
    if (mode !== "wal" || synchronous !== full) {
      throw new Error(`no write-ahead log on this file system (${mode}, ${synchronous})`);
    }
    const found = Number(database.prepare("pragma user_version").get()?.["user_version"]);
    if (found > version) {
      throw new Error(`a journal of version ${found} is newer than this Tandem`);
    }
    database.exec(schema);
    if (found < version) database.exec(`pragma user_version = ${version}`);
    return database;
  } catch (cause) {
    database.close();
    throw cause;
  }
};
