/** The data folder of an embedded Tandem: made with care, and used by one process at a time. */
import { chmodSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Effect, Schema } from "effect";

export class DataFolderRefused
  extends Schema.TaggedError<DataFolderRefused>()("DataFolderRefused", {
    folder: Schema.String,
    reason: Schema.String,
    remedy: Schema.String,
  }) {
  override get message(): string {
    return `data folder ${this.folder}: ${this.reason}; ${this.remedy}`;
  }
}

export interface DataFolder {
  readonly path: string;
  readonly journal: string;
  readonly projections: string;
  readonly keys: string;
  readonly tls: string;
  /** Unix socket of the operations. */
  readonly control: string;
  /** The demo's directory, with the secrets that were made for it. */
  readonly demo: string;
}

export const pathsOf = (path: string): DataFolder => ({
  path,
  journal: join(path, "journal.db"),
  projections: join(path, "projections.db"),
  keys: join(path, "keys"),
  tls: join(path, "tls"),
  control: join(path, "control.sock"),
  demo: join(path, "demo.json"),
});

/** SQLite's own lock: the system frees it, however the process ends. */
const lock = (path: string): DatabaseSync => {
  const database = new DatabaseSync(join(path, "lock"));
  try {
    database.exec("pragma busy_timeout = 2000; begin exclusive");
    return database;
  } catch (cause) {
    database.close();
    throw cause;
  }
};

const refused = (folder: string, cause: unknown): DataFolderRefused => {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return /locked|busy/i.test(reason)
    ? new DataFolderRefused({
      folder,
      reason: "another Tandem uses it",
      remedy: "stop that one, or start with another --data folder",
    })
    : /malformed|not a database/i.test(reason)
    ? new DataFolderRefused({
      folder,
      reason: `it is damaged (${reason})`,
      remedy: "restore it from a backup, or start with another --data folder",
    })
    : new DataFolderRefused({
      folder,
      reason,
      remedy: "check that it exists and may be written, or give another --data folder",
    });
};

/** Makes and locks the folder for the life of the scope. */
export const open = (path: string) =>
  Effect.acquireRelease(
    Effect.try({
      try: () => {
        mkdirSync(path, { recursive: true, mode: 0o700 });
        chmodSync(path, 0o700);
        return { paths: pathsOf(path), database: lock(path) };
      },
      catch: (cause) => refused(path, cause),
    }),
    ({ database }) => Effect.sync(() => database.close()),
  ).pipe(Effect.map(({ paths }) => paths));
