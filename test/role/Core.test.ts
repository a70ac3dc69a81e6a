/** A core that starts again where a checkpoint stands for the records that made its actors. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { Effect, Layer } from "effect";
import { expect, test } from "vitest";
import type { CommandEnvelope } from "../../schemas/Envelope.ts";
import { callActor, userActor } from "../../schemas/Ids.ts";
import type { Reply } from "../../schemas/Reply.ts";
import * as Subjects from "../../schemas/Subjects.ts";
import { Bus } from "../../src/bus/Bus.ts";
import * as MemoryBus from "../../src/bus/Memory.ts";
import { Journal } from "../../src/journal/Journal.ts";
import * as MemoryJournal from "../../src/journal/Memory.ts";
import * as Core from "../../src/role/Core.ts";
import * as Environment from "../../src/role/Environment.ts";
import * as SqliteStore from "../../src/store/Sqlite.ts";
import { Store } from "../../src/store/Store.ts";
import * as Counters from "../../src/telemetry/Counters.ts";
import * as KeyRing from "../../src/vault/KeyRing.ts";
import { flow, path, sdp } from "../property/CallModel.ts";
import * as Digest from "../support/Digest.ts";
import * as Folders from "../support/Folders.ts";
import { until } from "../support/Until.ts";

const cell = "a";
const directory = (name: string) => ({
  tenants: [{
    id: "demo",
    domain: "demo.test",
    exceptions: ["plainMedia", "plainSignalling", "md5Digest"],
    users: [{ extension: "1001", name, secret: "secret" }],
    trunks: [{ id: "carrier", address: "127.0.0.9:5060", inbound: true }],
  }],
});

const live = Effect.gen(function* () {
  const bus = yield* Bus;
  const relay = {
    _tag: "RelayReserved",
    worker: "m1",
    incarnation: "boot1",
    address: "127.0.0.1",
    ports: [{ leg: 0, stream: 0, port: 10_000 }],
  };
  yield* bus.serve(Subjects.media("m1"), () => Effect.succeed(relay));
  return yield* Core.make({
    cell,
    shards: 1,
    owner: "test",
    media: "m1",
    environment: Environment.live(),
    counters: Counters.make(),
    limits: { checkpointRecords: 0 },
  });
});

/** All that outlives a process; `projections` can be another file in another life. */
const machine = () => {
  const folder = Folders.make("core");
  mkdirSync(join(folder, "keys"));
  let journal = MemoryJournal.make();
  const life = <A, E>(
    projections: string,
    work: (core: Core.Core) => Effect.Effect<A, E, Store>,
  ): Promise<A> => {
    const adapters = Layer.mergeAll(
      KeyRing.layer(join(folder, "keys")),
      Layer.succeed(Journal, journal),
      SqliteStore.layer(join(folder, projections)),
      MemoryBus.layer,
    );
    const whole = Effect.scoped(Effect.flatMap(live, work));
    return Effect.runPromise(Effect.provide(whole, adapters));
  };
  return {
    first: async (): Promise<number> => {
      const [record] = await Effect.runPromise(journal.read({ cell, shard: 0 }, 0, 1));
      return record?.sequence ?? 1;
    },
    /** As after the restoration of an older backup. */
    loseJournal: () => void (journal = MemoryJournal.make()),
    life,
  };
};

const submit = (
  core: Core.Core,
  actor: string,
  id: string,
  command: CommandEnvelope["command"],
) => {
  const deadline = Date.now() + 4_000;
  const to = { cell, shard: 0, tenant: "demo", actor };
  const envelope = { ...to, id, deadline, causation: id, traceparent: null, command };
  return core.actors.submit(envelope as CommandEnvelope);
};

const identity = (method: string, user: string, ip: string) => ({
  method,
  requestUser: user,
  requestHost: "demo.test",
  fromUser: "1001",
  fromHost: "demo.test",
  toUser: "1001",
  toHost: "demo.test",
  source: { ...flow(5_070), remote: { ip, port: 5_070 } },
  digest: null,
});

/** REGISTER of a contact at a port of the phone's, its challenge answered. */
const register = (core: Core.Core, port: number, expires: number) =>
  Effect.flatMap(
    send(core, port, expires, undefined),
    (challenge) => send(core, port, expires, challenge),
  );

const send = (core: Core.Core, port: number, expires: number, challenge: Reply | undefined) => {
  const nonce = challenge?._tag === "Challenged" ? challenge.nonce : "";
  const answer = Digest.answer(
    Digest.parse(`Digest realm="demo.test", nonce="${nonce}", qop="auth"`, "Authorization"),
    { username: "1001", secret: "secret" },
    { method: "REGISTER", uri: "sip:demo.test" },
  );
  const part = (name: string) => new RegExp(`${name}="?([^",]+)`).exec(answer)?.[1] ?? "";
  const digest = {
    username: "1001",
    realm: "demo.test",
    uri: "sip:demo.test",
    algorithm: "MD5",
    nonce,
    response: part("response"),
    cnonce: part("cnonce"),
    nc: part("nc"),
  } as const;
  const uri = `sip:1001@127.0.0.1:${port}`;
  const id = `register/${port}/${expires}/${nonce}`;
  return submit(core, userActor("demo", "1001"), id, {
    _tag: "RegisterContacts",
    identity: {
      ...identity("REGISTER", "", "127.0.0.1"),
      digest: challenge === undefined ? null : digest,
    },
    callId: `registration-${port}-${expires}`,
    cseq: challenge === undefined ? 1 : 2,
    contacts: [{ uri, key: uri, expires, q: null, instance: null, regId: null }],
    all: false,
    expires: null,
    path: [],
    natted: false,
    userAgent: "test",
  });
};

/** A trunk's call to the echo. */
const callEcho = (core: Core.Core) =>
  submit(core, callActor("abc234abc234abc2"), "offer", {
    _tag: "OfferCall",
    identity: identity("INVITE", "*43", "127.0.0.9"),
    caller: { display: "", user: "4930123456" },
    fromTag: "caller",
    path: path(1, "<sip:*43@demo.test>"),
    contact: "sip:carrier@127.0.0.9",
    natted: false,
    routeSet: [],
    maxForwards: 70,
    headers: [],
    sdp: sdp(6_000),
  });

const rows = Effect.gen(function* () {
  const store = yield* Store;
  const [calls, bindings] = [yield* store.calls(null), yield* store.bindings(null)];
  return { calls, bindings };
});

/** The rows as soon as there is a call among them. */
const aCall = Effect.gen(function* () {
  const context = yield* Effect.context<Store>();
  const look = async () => {
    const made = await Effect.runPromiseWith(context)(rows);
    return made.calls.length > 0 && made;
  };
  return yield* Effect.promise(() => until("a call in the projections", look, 5_000));
});

test("tenants, bindings and live calls outlive the records that made them", async () => {
  const { first, life } = machine();
  const isCut = async () => await first() > 20;
  await life("old.db", (core) =>
    Effect.gen(function* () {
      yield* core.provisioning.apply(directory("Ada"), { removals: false, dryRun: false });
      yield* register(core, 5_071, 3_600);
    }));
  const before = await life("projections.db", (core) =>
    Effect.gen(function* () {
      const apply = (name: string) =>
        core.provisioning.apply(directory(name), { removals: false, dryRun: false });
      expect((yield* register(core, 5_071, 0))?._tag).toBe("Registered");
      expect((yield* register(core, 5_070, 3_600))?._tag).toBe("Registered");
      expect((yield* callEcho(core))?._tag).toBe("Accepted");
      for (let n = 0; n < 20; n += 1) yield* apply(`Ada ${n}`);
      yield* Effect.promise(() => until("a cut of the journal", isCut, 10_000));
      return { rows: yield* rows, realms: core.tenants.current() };
    }));
  expect(before.rows.calls).toMatchObject([{ phase: "up", callee: "*43", legs: 1 }]);
  expect(before.rows.bindings).toMatchObject([{ extension: "1001" }]);
  // As they were, lost, and of a backup that shows a binding whose end is cut.
  for (const projections of ["projections.db", "lost.db", "old.db"]) {
    const after = await life(projections, (core) =>
      Effect.gen(function* () {
        const made = yield* aCall;
        return { rows: made, realms: core.tenants.current() };
      }));
    expect(after.rows).toEqual(before.rows);
    expect({ ...after.realms, version: 0 }).toEqual({ ...before.realms, version: 0 });
  }
});

test("a journal that lost what was projected is refused while there are projections", async () => {
  const { life, loseJournal } = machine();
  const use = (core: Core.Core) =>
    Effect.gen(function* () {
      yield* core.provisioning.apply(directory("Ada"), { removals: false, dryRun: false });
      yield* callEcho(core);
      return yield* aCall;
    });
  await life("projections.db", use);
  loseJournal();
  await expect(life("projections.db", use)).rejects.toThrow(/lost records.*restore/);
  expect((await life("other.db", use)).calls).toHaveLength(1);
});
