/** The data folder of an embedded Tandem: made with care, and used by one process at a time. */
import { chmodSync, existsSync, mkdirSync, readdirSync, statSync } from "node:fs";
import { basename, join } from "node:path";
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

/** What a Unix socket's address holds on every system, without its last octet. */
const longestSocket = 103;

const lockName = "lock";

/** Of somebody else: their mode is not ours to change, and our files have no place among them. */
const strangersIn = (path: string): ReadonlyArray<string> => {
  if (!existsSync(path)) return [];
  const found = readdirSync(path);
  if (found.includes(lockName)) return [];
  const own = Object.values(pathsOf(path)).map((file) => basename(file));
  return found.filter((name) => !name.startsWith(".") && name !== "lost+found")
    .filter((name) => !own.some((file) => name === file || name.startsWith(`${file}-`)));
};

/** Refuses what would go wrong later, or do harm. */
const examine = (path: string): void => {
  const { control, journal, keys } = pathsOf(path);
  const refuse = (reason: string, remedy: string): never => {
    throw new DataFolderRefused({ folder: path, reason, remedy });
  };
  if (Buffer.byteLength(control) > longestSocket) {
    refuse(
      `its path is too long for ${basename(control)}, which is a socket`,
      `give one of at most ${longestSocket - basename(control).length - 1} octets with --data`,
    );
  }
  const [stranger] = strangersIn(path);
  if (stranger !== undefined) {
    refuse(
      `it holds other things (${stranger})`,
      "give an empty folder, or one that does not exist yet, with --data",
    );
  }
  // A fresh ring would open nothing, and stand in the way of the one that does.
  if (existsSync(journal) && !existsSync(keys)) {
    refuse(
      `it has a journal, but not the folder ${basename(keys)} that alone can read it`,
      "restore that folder from the backup that the journal is of",
    );
  }
};

/** SQLite's own lock: the system frees it, however the process ends. */
const lock = (path: string): DatabaseSync => {
  const database = new DatabaseSync(join(path, lockName));
  try {
    database.exec("pragma busy_timeout = 2000; begin exclusive");
    return database;
  } catch (cause) {
    database.close();
    throw cause;
  }
};

const refused = (folder: string, cause: unknown): DataFolderRefused => {
  if (cause instanceof DataFolderRefused) return cause;
  const reason = cause instanceof Error ? cause.message : String(cause);
  return /locked|busy/i.test(reason)
    ? new DataFolderRefused({
      folder,
      reason: "another Tandem uses it",
      remedy: "stop that one, or start with another --data folder",
    })
    : /disk is full|ENOSPC/i.test(reason)
    ? new DataFolderRefused({ folder, reason, remedy: "free space on its disk" })
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
        examine(path);
        mkdirSync(path, { recursive: true, mode: 0o700 });
        if ((statSync(path).mode & 0o077) !== 0) chmodSync(path, 0o700);
        return { paths: pathsOf(path), database: lock(path) };
      },
      catch: (cause) => refused(path, cause),
    }),
    ({ database }) => Effect.sync(() => database.close()),
  ).pipe(Effect.map(({ paths }) => paths));
