import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { CallEvent } from "../../schemas/CallEvent.ts";
import { numberOf, type Party } from "../../schemas/Party.ts";
import type { BindingRow, CallRow, CdrRow } from "../../schemas/rpc/Rows.ts";
import { type Change, changesOf } from "../../src/projection/Projection.ts";
import { parameters } from "../prove/Rows.ts";
import { live } from "../property/CallLife.ts";
import * as CallModel from "../property/CallModel.ts";
import * as UserModel from "../property/UserModel.ts";

const runs = parameters("A6").runs / 4;
const header = { actor: "call/token", tenant: "demo" };

/** What a store makes of changes. */
const tables = () => {
  const calls = new Map<string, CallRow>();
  const cdrs = new Map<string, CdrRow>();
  const bindings = new Map<string, BindingRow>();
  const take = (change: Change): void => {
    switch (change._tag) {
      case "CallPut":
        return void calls.set(change.row.call, change.row);
      case "CallAnswered": {
        const { call, at, callee } = change;
        const row = calls.get(call);
        if (row !== undefined) calls.set(call, { ...row, phase: "up", answeredAt: at, callee });
        return;
      }
      case "CdrPut":
        calls.delete(change.row.call);
        return void cdrs.set(change.row.call, change.row);
      case "BindingPut":
        return void bindings.set(change.row.uri, change.row);
      case "BindingGone":
        if (change.uri === null) return bindings.clear();
        return void bindings.delete(change.uri);
    }
  };
  return { calls, cdrs, bindings, take };
};

const nameOf = (party: Party): string =>
  party._tag === "Trunk" ? `${party.number} (${party.trunk})` : numberOf(party);

describe("a call, record by record", () => {
  test("is in the list while it lives, with who answered, then one CDR", () => {
    fc.assert(
      fc.property(CallModel.life, (life) => {
        const { calls, cdrs, take } = tables();
        live(life, ({ after, events }) => {
          changesOf(header, events).forEach(take);
          const row = calls.get("token");
          expect(row !== undefined).toBe(after.phase === "setup" || after.phase === "up");
          expect(cdrs.size).toBe(after.phase === "ended" ? 1 : 0);
          if (row === undefined) return;
          expect([row.phase, row.answeredAt]).toEqual([after.phase, after.answeredAt]);
          const callee: Party | undefined = after.feature === null
            ? after.legs[after.callee ?? -1]?.party
            : { _tag: "Feature", feature: after.feature };
          expect(row.callee).toBe(callee === undefined ? null : nameOf(callee));
        });
      }),
      { numRuns: runs },
    );
  });

  test("projected again, it is the same", () => {
    fc.assert(
      fc.property(CallModel.life, (life) => {
        const { cdrs, take } = tables();
        const records: Array<ReadonlyArray<CallEvent>> = [];
        live(life, ({ events }) => void records.push(events));
        const changes = records.flatMap((events) => changesOf(header, events));
        changes.forEach(take);
        const once = structuredClone([...cdrs]);
        changes.forEach(take);
        expect([...cdrs]).toEqual(once);
      }),
      { numRuns: runs },
    );
  });
});

describe("a CDR", () => {
  const ended: CallEvent = {
    _tag: "CallEnded",
    at: 9_000,
    cause: "hangup",
    endedBy: "callee",
    status: 200,
    startedAt: 1_000,
    ringingAt: 2_000,
    answeredAt: 4_000,
    caller: { _tag: "User", extension: "1001", display: "Ada" },
    callee: { _tag: "Trunk", trunk: "carrier", number: "0301234", display: "" },
    dialled: "0301234",
    legs: 2,
  };
  const rowOf = (event: CallEvent) => {
    const [change] = changesOf(header, [event]);
    return change?._tag === "CdrPut" ? change.row : undefined;
  };

  test("says who, where to, how long and why", () => {
    expect(rowOf(ended)).toEqual({
      call: "token",
      tenant: "demo",
      caller: "1001",
      callee: "0301234 (carrier)",
      dialled: "0301234",
      startedAt: 1_000,
      ringingAt: 2_000,
      answeredAt: 4_000,
      endedAt: 9_000,
      durationMs: 5_000,
      cause: "hangup",
      endedBy: "callee",
      status: 200,
      legs: 2,
    });
  });

  test("of a call that nobody answered lasts nothing", () => {
    const unanswered = { ...ended, answeredAt: null, callee: null, status: 480 };
    expect(rowOf(unanswered)).toMatchObject({ durationMs: 0, callee: null });
  });
});

describe("bindings", () => {
  test("of a user follow its registrations", () => {
    fc.assert(
      fc.property(UserModel.life, (moves) => {
        const { events, state } = UserModel.run(moves);
        const uris = state.bindings.map(({ uri }) => uri);
        // A row is a URI: two phones behind two routers may share one.
        const shared = new Map<string, Set<string | null>>();
        for (const event of events) {
          if (event._tag !== "ContactBound") continue;
          const { instance, uri } = event.binding;
          shared.set(uri, (shared.get(uri) ?? new Set()).add(instance));
        }
        fc.pre([...shared.values()].every(({ size }) => size === 1));
        const { bindings, take } = tables();
        const user = { actor: "user/demo/a/b", tenant: "demo" };
        for (const event of events) changesOf(user, [event]).forEach(take);
        expect([...bindings.keys()].sort()).toEqual([...uris].sort());
        for (const row of bindings.values()) expect(row.extension).toBe("a/b");
      }),
      { numRuns: runs },
    );
  });

  test.each([
    [{ ip: "192.0.2.1", port: 5060 }, "tls 192.0.2.1:5060"],
    [{ ip: "2001:db8::1", port: 5060 }, "tls [2001:db8::1]:5060"],
  ])("say where the phone is: %j", (remote, flow) => {
    const binding = {
      ...{ uri: "sip:a@b", key: "sip:a@b", instance: null, regId: null, q: null, since: 1 },
      ...{ expiresAt: 7, path: [], natted: false, callId: "c", cseq: 1, userAgent: "Phone" },
      flow: { edge: "e1", incarnation: "b", transport: "tls", connection: 1, remote } as const,
    };
    const event = { _tag: "ContactBound", at: 1, binding } as const;
    const row = {
      ...{ tenant: "demo", extension: "1001", uri: "sip:a@b", flow, expiresAt: 7 },
      userAgent: "Phone",
    };
    expect(changesOf({ actor: "user/demo/1001", tenant: "demo" }, [event])).toEqual([
      { _tag: "BindingPut", row },
    ]);
  });
});

test("a tenant's events are no rows", () => {
  const event = { _tag: "UsersUnlisted", at: 1, extensions: ["1001"] };
  expect(changesOf({ actor: "tenant/demo", tenant: "demo" }, [event])).toEqual([]);
});
