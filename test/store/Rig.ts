/** Stores for one test, and changes to put into them. */
import { join } from "node:path";
import { Context, Effect, Exit, Layer, Scope } from "effect";
import { onTestFinished } from "vitest";
import type { BindingRow, CallRow, CdrRow, MessageRow } from "../../schemas/rpc/Rows.ts";
import type { Change } from "../../src/projection/Projection.ts";
import * as Sqlite from "../../src/store/Sqlite.ts";
import { type Batch, Store, type StoreUnavailable } from "../../src/store/Store.ts";
import * as Folders from "../support/Folders.ts";

export type Service = Store["Service"];

export const newFile = (): string => join(Folders.make("store"), "projections.db");

export const open = async (path = newFile()) => {
  const scope = await Effect.runPromise(Scope.make());
  const close = () => Effect.runPromise(Scope.close(scope, Exit.void));
  onTestFinished(close);
  const context = await Effect.runPromise(Layer.buildWithScope(Sqlite.layer(path), scope));
  return { store: Context.get(context, Store), close };
};

export const refusal = (path: string): Promise<StoreUnavailable> =>
  Effect.runPromise(Effect.scoped(Effect.flip(Layer.build(Sqlite.layer(path)))));

/** Every adapter of the port. */
export const adapters = [["SQLite", open]] as const;

export const shard = (n: number) => ({ cell: "a", shard: n });

export const write = (store: Service, ...batches: ReadonlyArray<Batch>): Promise<void> =>
  Effect.runPromise(store.write(batches, []));

export const batch = (n: number, through: number, ...changes: ReadonlyArray<Change>): Batch => ({
  shard: shard(n),
  through,
  changes,
});

export const callRow = (call: string, change: Partial<CallRow> = {}): CallRow => ({
  call,
  tenant: "acme",
  phase: "setup",
  caller: "1001",
  dialled: "1002",
  callee: null,
  startedAt: 1_000,
  answeredAt: null,
  legs: 2,
  ...change,
});

export const cdrRow = (call: string, change: Partial<CdrRow> = {}): CdrRow => ({
  call,
  tenant: "acme",
  caller: "1001",
  callee: "1002",
  dialled: "1002",
  startedAt: 1_000,
  ringingAt: 1_500,
  answeredAt: 2_000,
  endedAt: 9_000,
  durationMs: 7_000,
  cause: "bye",
  endedBy: "caller",
  status: 200,
  legs: 2,
  ...change,
});

export const bindingRow = (uri: string, change: Partial<BindingRow> = {}): BindingRow => ({
  tenant: "acme",
  extension: "1001",
  uri,
  flow: "udp 192.0.2.1:5060",
  expiresAt: 60_000,
  userAgent: "phone",
  ...change,
});

export const message = (call: string, line: string): MessageRow => ({
  at: 1,
  call,
  edge: "e1",
  direction: "in",
  peer: "udp 192.0.2.1:5060",
  line,
  cseq: "1 INVITE",
});

export const callPut = (row: CallRow): Change => ({ _tag: "CallPut", row });
export const cdrPut = (row: CdrRow): Change => ({ _tag: "CdrPut", row });
export const bindingPut = (row: BindingRow): Change => ({ _tag: "BindingPut", row });
export const answered = (call: string, at: number, callee: string | null = null): Change => ({
  _tag: "CallAnswered",
  call,
  at,
  callee,
});
export const unbound = (extension: string, uri: string | null): Change => ({
  _tag: "BindingGone",
  tenant: "acme",
  extension,
  uri,
});

/** All rows of a store. */
export const rows = (store: Service) =>
  Effect.runPromise(Effect.all({
    calls: store.calls(null),
    cdrs: store.cdrs(null, 10_000),
    bindings: store.bindings(null),
  }));
