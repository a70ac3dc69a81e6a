/**
 * Projections in SQLite, beside the embedded journal. Synced to the disk like it, because the
 * journal is cut behind what they have: the CDRs of a power failure must be in one of the two.
 */
import { DatabaseSync, type SQLInputValue } from "node:sqlite";
import { Effect, Layer, Schema } from "effect";
import { BindingRow, CallRow, CdrRow, MessageRow } from "../../schemas/rpc/Rows.ts";
import type { Change } from "../projection/Projection.ts";
import { type Batch, mostRows, Store, StoreUnavailable } from "./Store.ts";

const version = 1;

const tables = `
  create table cursor (cell text not null, shard integer not null, through integer not null,
    primary key (cell, shard)) without rowid;
  create table calls (call text primary key, tenant text not null, phase text not null,
    caller text not null, dialled text not null, callee text, startedAt integer not null,
    answeredAt integer, legs integer not null) without rowid;
  create table cdrs (call text primary key, tenant text not null, caller text not null,
    callee text, dialled text not null, startedAt integer not null, ringingAt integer,
    answeredAt integer, endedAt integer not null, durationMs integer not null,
    cause text not null, endedBy text not null, status integer not null,
    legs integer not null);
  create index cdrs_by_end on cdrs (endedAt);
  create table bindings (tenant text not null, extension text not null, uri text not null,
    flow text not null, expiresAt integer not null, userAgent text not null,
    primary key (tenant, extension, uri)) without rowid;
  create table messages (call text not null, rows text not null);
  create index messages_by_call on messages (call);`;

/** Pieces of ladders that are kept: about a day of a busy machine, a bound in any case. */
const mostMessages = 500_000;

const open = (path: string): DatabaseSync => {
  const database = new DatabaseSync(path);
  try {
    database.exec("pragma journal_mode = wal; pragma synchronous = full");
    const found = Number(database.prepare("pragma user_version").get()?.["user_version"]);
    if (found > version) {
      throw new StoreUnavailable({
        reason: `${path}: projections of version ${found} are newer than this Tandem`,
        remedy: "start the Tandem that wrote them, or give another --data folder",
      });
    }
    if (found === 0) {
      database.exec(`begin; ${tables}; pragma user_version = ${version}; commit`);
    }
    return database;
  } catch (cause) {
    database.close();
    throw cause;
  }
};

const unavailable = (path: string, cause: unknown): StoreUnavailable => {
  if (cause instanceof StoreUnavailable) return cause;
  const reason = `${path}: ${cause instanceof Error ? cause.message : cause}`;
  const remedy = /disk is full/i.test(reason)
    ? "free space on the disk of the data folder: what is missing is then written"
    : "the projections can be rebuilt, all but CDRs of calls that the journal has cut: " +
      "stop Tandem, move this file away, start again";
  return new StoreUnavailable({ reason, remedy });
};

const statements = (database: DatabaseSync) => {
  const named = (table: string, columns: ReadonlyArray<string>) =>
    database.prepare(
      `insert or replace into ${table} (${columns.join(", ")}) values (${
        columns.map((column) => `:${column}`).join(", ")
      })`,
    );
  return {
    call: named("calls", Object.keys(CallRow.fields)),
    cdr: named("cdrs", Object.keys(CdrRow.fields)),
    binding: named("bindings", Object.keys(BindingRow.fields)),
    messages: database.prepare("insert into messages values (?, ?)"),
    answered: database.prepare(
      `update calls set phase = 'up', answeredAt = ?, callee = coalesce(?, callee) where call = ?`,
    ),
    gone: database.prepare("delete from calls where call = ?"),
    unbound: database.prepare(
      "delete from bindings where tenant = ? and extension = ? and (? is null or uri = ?)",
    ),
    through: database.prepare("select through from cursor where cell = ? and shard = ?"),
    moved: database.prepare(
      `insert into cursor values (?, ?, ?)
       on conflict (cell, shard) do update set through = excluded.through`,
    ),
    trim: database.prepare(
      "delete from messages where rowid <= (select max(rowid) from messages) - ?",
    ),
  };
};

type Row = Record<string, SQLInputValue>;

/** One piece of each call's ladder: a row for each message would cost more than the message. */
const byCall = (rows: ReadonlyArray<MessageRow>): ReadonlyMap<string, Array<MessageRow>> => {
  const calls = new Map<string, Array<MessageRow>>();
  for (const row of rows) {
    const own = calls.get(row.call);
    if (own === undefined) calls.set(row.call, [row]);
    else own.push(row);
  }
  return calls;
};

const decodeMessages = Schema.decodeUnknownSync(Schema.fromJsonString(Schema.Array(MessageRow)));

const write = (use: ReturnType<typeof statements>, change: Change): void => {
  switch (change._tag) {
    case "CallPut":
      return void use.call.run(change.row as Row);
    case "CallAnswered":
      return void use.answered.run(change.at, change.callee, change.call);
    case "CdrPut":
      use.gone.run(change.row.call);
      return void use.cdr.run(change.row as Row);
    case "BindingPut":
      return void use.binding.run(change.row as Row);
    case "BindingGone":
      return void use.unbound.run(change.tenant, change.extension, change.uri, change.uri);
  }
};

type Attempt = <A>(run: () => A) => Effect.Effect<A, StoreUnavailable>;

/** What is read, each row checked by its schema. */
const queries = (database: DatabaseSync, attempt: Attempt) => {
  const select = <A>(schema: Schema.Codec<A, unknown>, sql: string) => {
    const decode = Schema.decodeUnknownSync(Schema.Array(schema));
    return (...values: ReadonlyArray<SQLInputValue>) =>
      attempt(() => decode(database.prepare(sql).all(...values).map((row) => ({ ...row }))));
  };
  return {
    calls: select(
      CallRow,
      `select * from calls where ? is null or tenant = ?
       order by startedAt desc, call limit ${mostRows}`,
    ),
    oneCall: select(CallRow, "select * from calls where call = ?"),
    cdrs: select(
      CdrRow,
      "select * from cdrs where ? is null or tenant = ? order by endedAt desc, rowid desc limit ?",
    ),
    oneCdr: select(CdrRow, "select * from cdrs where call = ?"),
    bindings: select(
      BindingRow,
      `select * from bindings where ? is null or tenant = ?
       order by tenant, extension, uri limit ${mostRows}`,
    ),
    messages: select(
      Schema.Struct({ rows: Schema.String }),
      "select rows from messages where call = ? order by rowid",
    ),
  };
};

const transaction = (database: DatabaseSync, run: () => void): void => {
  database.exec("begin immediate");
  try {
    run();
    database.exec("commit");
  } catch (cause) {
    // Some failures have ended the transaction themselves.
    if (database.isTransaction) database.exec("rollback");
    throw cause;
  }
};

const make = Effect.fnUntraced(function* (path: string) {
  const database = yield* Effect.acquireRelease(
    Effect.try({ try: () => open(path), catch: (cause) => unavailable(path, cause) }),
    (database) => Effect.sync(() => database.close()),
  );
  const use = statements(database);
  const attempt: Attempt = (run) =>
    Effect.try({ try: run, catch: (cause) => unavailable(path, cause) });
  const read = queries(database, attempt);
  const through = ({ cell, shard }: Batch["shard"]): number =>
    Number(use.through.get(cell, shard)?.["through"] ?? 0);

  return Store.of({
    write: (batches, rows) =>
      attempt(() =>
        transaction(database, () => {
          for (const { shard, through: last, changes } of batches) {
            if (last <= through(shard)) continue;
            for (const change of changes) write(use, change);
            use.moved.run(shard.cell, shard.shard, last);
          }
          for (const [call, own] of byCall(rows)) use.messages.run(call, JSON.stringify(own));
          if (rows.length > 0) use.trim.run(mostMessages);
        })
      ),
    reset: attempt(() =>
      transaction(
        database,
        () => database.exec("delete from calls; delete from bindings; delete from cursor"),
      )
    ),
    through: (shard) => attempt(() => through(shard)),
    calls: (tenant) => read.calls(tenant, tenant),
    cdrs: (tenant, limit) => read.cdrs(tenant, tenant, Math.max(0, Math.min(limit, mostRows))),
    call: (call) =>
      Effect.map(Effect.all([read.oneCall(call), read.oneCdr(call)]), ([live, ended]) => ({
        call: live[0] ?? null,
        cdr: ended[0] ?? null,
      })),
    bindings: (tenant) => read.bindings(tenant, tenant),
    messages: (call) =>
      Effect.map(
        read.messages(call),
        (pieces) => pieces.flatMap(({ rows }) => decodeMessages(rows)),
      ),
  });
});

/** `path`: the database file; its folder must exist. */
export const layer = (path: string): Layer.Layer<Store, StoreUnavailable> =>
  Layer.effect(Store, make(path));
