/** A6: the tenant actor, against random directories and dialled numbers. */
import { Schema } from "effect";
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  type Exception,
  type TenantCommand,
  TenantEvent,
  type Trunk,
} from "../../schemas/Tenant.ts";
import { type Command, decider, type State } from "../../src/tenant/Tenant.ts";
import { parameters } from "../prove/Rows.ts";
import * as Laws from "./Laws.ts";

const { runs } = parameters("A6");
const tenant = "acme";

const trunk: fc.Arbitrary<Trunk> = fc.record({
  id: fc.constantFrom("t1", "t2", "t3"),
  address: fc.record({
    ip: fc.constantFrom("192.0.2.1", "192.0.2.2", "192.0.2.3"),
    port: fc.constantFrom(5060, 5070),
  }),
  transport: fc.constantFrom("udp" as const, "tcp" as const),
  inbound: fc.boolean(),
  username: fc.constantFrom(null, "carrier", "other"),
  credential: fc.constant(null),
});

/** Names that a careless record of users would take for something else are among them. */
const extension = fc.constantFrom("1001", "1002", "alice", "*43", "__proto__", "constructor", "");

const provision = fc.record({
  domain: fc.constantFrom("acme.test", "acme.example"),
  exceptions: fc.subarray<Exception>(["plainMedia", "plainSignalling", "md5Digest"]),
  mediaNetworks: fc.subarray(["192.0.2.0/24", "2001:db8::/32"]),
  limits: fc.record({
    ringMs: fc.integer({ min: 1_000, max: 600_000 }),
    maxCallMs: fc.integer({ min: 1_000, max: 86_400_000 }),
    maxBindings: fc.integer({ min: 1, max: 32 }),
  }),
});

const command: fc.Arbitrary<TenantCommand> = fc.oneof(
  provision.map((one): TenantCommand => ({ _tag: "ProvisionTenant", ...one })),
  fc.uniqueArray(trunk, { maxLength: 3, selector: ({ id }) => id })
    .map((trunks): TenantCommand => ({ _tag: "ChangeTrunks", trunks })),
  fc.array(
    fc.record({
      match: fc.constantFrom("0*", "00*", "*", "1???", "+49*", "1001"),
      trunk: fc.constantFrom("t1", "t2", "t3"),
    }),
    { maxLength: 4 },
  ).map((routes): TenantCommand => ({ _tag: "ChangeRoutes", routes })),
  fc.array(fc.record({ extension, fingerprint: fc.constantFrom("f1", "f2") }), { maxLength: 4 })
    .map((users): TenantCommand => ({ _tag: "ListUsers", users })),
  fc.array(extension, { maxLength: 3 })
    .map((extensions): TenantCommand => ({ _tag: "UnlistUsers", extensions })),
  fc.constant<TenantCommand>({ _tag: "DescribeTenant" }),
);

const life = fc.array(command, { maxLength: 20 });

const run = (commands: ReadonlyArray<TenantCommand>) =>
  Laws.run(decider, (_state, n): Command | undefined => {
    const one = commands[n];
    return one === undefined ? undefined : { at: 1_000 + n, tenant, command: one };
  }, commands.length);

const ask = (
  state: State,
  dialled: string | null,
  source = "198.51.100.1",
  username: string | null = null,
) => {
  const { events, reply } = decider.decide(state, {
    at: 9_000,
    tenant,
    command: { _tag: "AskTenant", source, username, dialled },
  });
  expect(events).toEqual([]);
  return reply;
};

/** A glob of `*` and `?`, by a regular expression that escapes everything else. */
const matches = (glob: string, text: string): boolean =>
  new RegExp(
    `^${glob.replace(/[.+^${}()|[\]\\]/g, "\\$&").replaceAll("*", ".*").replaceAll("?", ".")}$`,
    "s",
  ).test(text);

const isEvent = Schema.is(TenantEvent);

test("every life obeys the laws of a decider", () => {
  fc.assert(
    fc.property(life, (commands) => {
      const { events, effects } = run(commands);
      expect(events.every((event) => isEvent(event))).toBe(true);
      expect(effects).toEqual([]);
    }),
    { numRuns: runs },
  );
});

test("a user is listed from its listing to its unlisting, whatever its name", () => {
  fc.assert(
    fc.property(life, (commands) => {
      const { state } = run(commands);
      const expected = new Map<string, string>();
      for (const one of commands) {
        if (one._tag === "ListUsers") {
          for (const user of one.users) expected.set(user.extension, user.fingerprint);
        }
        if (one._tag === "UnlistUsers") {
          for (const gone of one.extensions) expected.delete(gone);
        }
      }
      const sorted = (entries: Iterable<[string, string]>) => [...entries].sort();
      expect(sorted(Object.entries(state.users))).toEqual(sorted(expected));
    }),
    { numRuns: runs },
  );
});

test("every answer carries the policy that was provisioned last", () => {
  fc.assert(
    fc.property(life, (commands) => {
      const { state } = run(commands);
      const last = commands.findLast(({ _tag }) => _tag === "ProvisionTenant");
      const reply = ask(state, "1001");
      if (last?._tag !== "ProvisionTenant") {
        expect(reply).toEqual({ _tag: "Unprovisioned" });
        return;
      }
      const { _tag, ...given } = last;
      expect(reply).toMatchObject({ _tag: "Routed", policy: { tenant, ...given } });
    }),
    { numRuns: runs },
  );
});

test("users before features before routes; the first route that matches", () => {
  const dialled = fc.oneof(extension, fc.constantFrom("0301234", "00441", "+4930", "*44", "1999"));
  fc.assert(
    fc.property(life, dialled, (commands, number) => {
      const { state } = run(commands);
      const reply = ask(state, number);
      if (!state.provisioned) {
        expect(reply).toEqual({ _tag: "Unprovisioned" });
        return;
      }
      if (reply._tag !== "Routed") throw new Error(`not routed: ${reply._tag}`);
      const { destination } = reply;
      if (Object.hasOwn(state.users, number)) {
        expect(destination).toEqual({ _tag: "User", extension: number });
        return;
      }
      if (number === "*43" || number === "*44") {
        expect(destination._tag).toBe("Feature");
        return;
      }
      const route = state.routes.find(({ match }) => matches(match, number));
      const found = state.trunks.find(({ id }) => id === route?.trunk);
      expect(destination).toEqual(
        found === undefined ? { _tag: "Unknown" } : { _tag: "Trunk", trunk: found },
      );
    }),
    { numRuns: runs },
  );
});

test("an inbound trunk is known by its address, whatever the port, or by its user name", () => {
  const source = fc.constantFrom("192.0.2.1", "192.0.2.2", "198.51.100.1");
  const username = fc.constantFrom(null, "carrier", "nobody");
  fc.assert(
    fc.property(life, source, username, (commands, ip, name) => {
      const { state } = run(commands);
      const reply = ask(state, null, ip, name);
      if (reply._tag !== "Routed") return;
      const { trunk } = reply;
      const candidates = state.trunks.filter(({ inbound, address, username }) =>
        inbound && (address.ip === ip || (name !== null && username === name))
      );
      expect(trunk).toEqual(candidates[0] ?? null);
      expect(reply.destination).toEqual({ _tag: "Unknown" });
    }),
    { numRuns: runs },
  );
});

test("a description is enough to make the tenant again", () => {
  fc.assert(
    fc.property(life, (commands) => {
      const { state } = run(commands);
      const { reply } = decider.decide(state, {
        at: 1,
        tenant,
        command: { _tag: "DescribeTenant" },
      });
      if (reply._tag !== "TenantDescribed") throw new Error("not described");
      expect(reply.tenant !== null).toBe(state.provisioned);
      if (reply.tenant === null) return;
      const { trunks, routes, users, ...facts } = reply.tenant;
      const again = run([
        { _tag: "ProvisionTenant", ...facts },
        { _tag: "ChangeTrunks", trunks },
        { _tag: "ChangeRoutes", routes },
        { _tag: "ListUsers", users },
      ]);
      expect(again.state).toEqual(state);
    }),
    { numRuns: runs },
  );
});

/** Events of nowhere: any journal must fold, whatever wrote it. */
test("evolve is total", () => {
  const events = fc.sample(life, { numRuns: 200, seed: 7 }).flatMap((one) => run(one).events);
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...events), { maxLength: 30 }), (history) => {
      const state = history.reduce(decider.evolve, decider.initial);
      expect(Object.keys(state.users).length).toBeLessThanOrEqual(7);
    }),
    { numRuns: runs },
  );
});
