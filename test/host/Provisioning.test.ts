/** A directory against real deciders of tenants and users, behind a scripted bus. */
import { Effect } from "effect";
import { describe, expect, test } from "vitest";
import type { CommandEnvelope } from "../../schemas/Envelope.ts";
import type { TenantCommand } from "../../schemas/Tenant.ts";
import type { Change, DirectoryTenant } from "../../schemas/Directory.ts";
import type { Bus } from "../../src/bus/Bus.ts";
import * as Provisioning from "../../src/host/Provisioning.ts";
import * as Tenant from "../../src/tenant/Tenant.ts";
import { initial as noUser, type State as UserState } from "../../src/user/State.ts";
import * as User from "../../src/user/User.ts";

interface World {
  readonly tenants: Map<string, Tenant.State>;
  readonly users: Map<string, UserState>;
  readonly commands: Array<string>;
  /** Commands of this tag are not answered. */
  deaf: string;
}

const made = (): World => ({ tenants: new Map(), users: new Map(), commands: [], deaf: "" });

const ask = (world: World, { actor, tenant, command }: CommandEnvelope) => {
  const at = 1_000;
  if (actor.startsWith("tenant/")) {
    const state = world.tenants.get(actor) ?? Tenant.decider.initial;
    const input = { at, tenant: tenant!, command: command as TenantCommand };
    const { events, reply } = Tenant.decider.decide(state, input);
    world.tenants.set(actor, events.reduce(Tenant.decider.evolve, state));
    return reply;
  }
  const state = world.users.get(actor) ?? noUser;
  const { events, reply } = User.decider.decide(state, {
    _tag: "Wire",
    at,
    command: command as Extract<CommandEnvelope["command"], { _tag: "RemoveUser" }>,
    refusal: null,
    routed: null,
  });
  world.users.set(actor, events.reduce(User.decider.evolve, state));
  return reply;
};

const busOf = (world: World): Bus["Service"] => ({
  request: (_subject, payload) =>
    Effect.sync(() => {
      const envelope = payload as CommandEnvelope;
      const { _tag } = envelope.command;
      if (_tag === world.deaf) return undefined;
      if (_tag !== "DescribeTenant") world.commands.push(`${_tag} ${envelope.actor}`);
      return { id: envelope.id, epoch: 1, reply: ask(world, envelope) };
    }),
  serve: () => Effect.void,
  publish: () => Effect.void,
  subscribe: () => Effect.void,
});

/** Applies a directory; what was planned, and what was commanded for it. */
const apply = async (
  world: World,
  tenants: ReadonlyArray<DirectoryTenant>,
  { removals = false, dryRun = false } = {},
) => {
  world.commands.length = 0;
  const provisioning = Provisioning.make({
    address: { bus: busOf(world), cell: "a", shards: 64, now: () => 1_000 },
    fingerprintKey: new Uint8Array(32),
    random: (size) => crypto.getRandomValues(new Uint8Array(size)),
    tenants: () => [...world.tenants.keys()].map((actor) => actor.slice("tenant/".length)),
  });
  const changes = await Effect.runPromise(
    Effect.result(provisioning.apply({ tenants }, { removals, dryRun })),
  );
  if (changes._tag === "Failure") throw changes.failure;
  return {
    plan: changes.success.map(({ action, what }: Change) => `${action} ${what}`),
    commands: [...world.commands],
  };
};

const demo: DirectoryTenant = {
  id: "demo",
  domain: "demo.test",
  exceptions: ["plainMedia", "plainSignalling"],
  users: [
    { extension: "1001", name: "Ada", secret: "one" },
    { extension: "1002", name: "Grace", secret: "two" },
  ],
  trunks: [
    { id: "carrier", address: "192.0.2.9:5060", inbound: true },
    { id: "roaming", address: "192.0.2.10:5060", inbound: true, username: "gw", secret: "three" },
  ],
  routes: [{ match: "0*", trunk: "carrier" }],
};
const [carrier, roaming] = demo.trunks!;

const known = (world: World): ReadonlyArray<string> =>
  [...world.users].flatMap(([actor, { provisioned }]) => provisioned ? [actor] : []).sort();

const applied = async (): Promise<World> => {
  const world = made();
  await apply(world, [demo]);
  return world;
};

describe("a plan", () => {
  test("of a new tenant adds everything, and names its exceptions", async () => {
    const world = made();
    const { plan } = await apply(world, [demo]);
    expect(plan).toEqual([
      "add tenant demo (demo.test), exceptions plainMedia, plainSignalling",
      "add trunk carrier at 192.0.2.9:5060",
      "add trunk roaming at 192.0.2.10:5060",
      "add routes: 0* to carrier",
      "add user 1001",
      "add user 1002",
    ]);
    expect(known(world)).toEqual(["user/demo/1001", "user/demo/1002", "user/demo/gw"]);
  });

  test("of the same directory is empty, and nothing is commanded", async () => {
    const world = await applied();
    expect(await apply(world, [demo])).toEqual({ plan: [], commands: [] });
    expect(await apply(world, [demo], { removals: true })).toEqual({ plan: [], commands: [] });
  });

  test("that is only looked at commands nothing", async () => {
    const world = made();
    const { plan, commands } = await apply(world, [demo], { dryRun: true });
    expect([plan.length, commands]).toEqual([6, []]);
    expect((await apply(world, [demo])).plan).toEqual(plan);
  });

  test.each<[string, DirectoryTenant, string]>([
    [
      "a secret",
      { ...demo, users: [demo.users![0]!, { ...demo.users![1]!, secret: "new" }] },
      "change user 1002",
    ],
    [
      "a name",
      { ...demo, users: [demo.users![0]!, { ...demo.users![1]!, name: "G. Hopper" }] },
      "change user 1002",
    ],
    [
      "a trunk's address",
      { ...demo, trunks: [{ ...carrier!, address: "192.0.2.8:5060" }, roaming!] },
      "change trunk carrier at 192.0.2.8:5060",
    ],
    [
      "a route",
      { ...demo, routes: [{ match: "9*", trunk: "carrier" }] },
      "change routes: 9* to carrier, before: 0* to carrier",
    ],
    ["all routes", { ...demo, routes: [] }, "change routes: none, before: 0* to carrier"],
  ])("of %s that changed is one line, and comes to rest", async (_what, changed, line) => {
    const world = await applied();
    expect((await apply(world, [changed])).plan).toEqual([line]);
    expect((await apply(world, [changed])).plan).toEqual([]);
  });

  test("of another exception gives every login, a trunk's too, the hashes it needs", async () => {
    const world = await applied();
    await apply(world, [{ ...demo, exceptions: ["plainMedia", "plainSignalling", "md5Digest"] }]);
    for (const actor of known(world)) {
      const algorithms = world.users.get(actor)!.ha1.map(({ algorithm }) => algorithm);
      expect([actor, algorithms]).toEqual([actor, ["MD5"]]);
    }
  });
});

describe("nothing is removed silently", () => {
  const less: DirectoryTenant = { ...demo, users: [demo.users![0]!], trunks: [carrier!] };

  test("what the file does not name is kept, and said to be", async () => {
    const world = await applied();
    const before = structuredClone(world.tenants);
    const { plan, commands } = await apply(world, [less]);
    expect(plan).toEqual(["keep trunk roaming", "keep user 1002"]);
    expect(commands).toEqual([]);
    expect(world.tenants).toEqual(before);
  });

  test("with removals it goes, the trunk's login too", async () => {
    const world = await applied();
    const { plan } = await apply(world, [less], { removals: true });
    expect(plan).toEqual(["remove trunk roaming", "remove user 1002"]);
    expect(known(world)).toEqual(["user/demo/1001"]);
    const { trunks, users } = world.tenants.get("tenant/demo")!;
    expect([trunks.map(({ id }) => id), Object.keys(users)]).toEqual([["carrier"], ["1001"]]);
    expect((await apply(world, [less], { removals: true })).plan).toEqual([]);
  });

  test("a tenant that the file does not name is kept, and said to be", async () => {
    const world = await applied();
    const other: DirectoryTenant = { id: "other", domain: "other.test" };
    const { plan } = await apply(world, [other], { removals: true });
    expect(plan).toContain("keep tenant demo");
    expect(known(world)).toHaveLength(3);
  });
});

describe("a trunk's login", () => {
  const renamed = (username: string): DirectoryTenant => ({
    ...demo,
    trunks: [carrier!, { ...roaming!, username, secret: "four" }],
  });

  test("that is renamed opens nothing any more", async () => {
    const world = await applied();
    await apply(world, [renamed("gw2")]);
    expect(known(world)).toEqual(["user/demo/1001", "user/demo/1002", "user/demo/gw2"]);
  });

  test("that is taken from its trunk opens nothing any more", async () => {
    const world = await applied();
    const { username: _, secret: __, ...bare } = roaming!;
    await apply(world, [{ ...demo, trunks: [carrier!, bare] }]);
    expect(known(world)).toEqual(["user/demo/1001", "user/demo/1002"]);
  });

  test("that becomes a user, or a user that becomes one, is not removed by the other", async () => {
    const world = await applied();
    const user = { extension: "gw", name: "Gate", secret: "five" };
    const asUser = { ...demo, trunks: [carrier!], users: [...demo.users!, user] };
    await apply(world, [asUser], { removals: true });
    expect(world.users.get("user/demo/gw")).toMatchObject({ provisioned: true, display: "Gate" });
    for (const removals of [false, true]) {
      const { plan } = await apply(world, [demo], { removals });
      if (!removals) expect(plan).toContain("change user gw, now the login of a trunk");
      expect(world.users.get("user/demo/gw")).toMatchObject({ display: "roaming" });
      expect(Object.keys(world.tenants.get("tenant/demo")!.users)).toEqual(["1001", "1002"]);
    }
  });
});

describe("an apply that breaks off", () => {
  test("says what failed, and goes on where it stopped", async () => {
    const complete = await applied();
    for (const deaf of ["ProvisionTenant", "ProvisionUser", "ChangeTrunks", "ListUsers"]) {
      const world = made();
      world.deaf = deaf;
      await expect(apply(world, [demo])).rejects.toThrow(/apply the same directory again/);
      world.deaf = "";
      await apply(world, [demo]);
      expect(world.tenants).toEqual(complete.tenants);
      expect(known(world)).toEqual(known(complete));
    }
  });

  test("also in the middle of a removal", async () => {
    const less: DirectoryTenant = { ...demo, users: [], trunks: [carrier!] };
    for (const deaf of ["RemoveUser", "UnlistUsers", "ChangeTrunks"]) {
      const world = await applied();
      world.deaf = deaf;
      await expect(apply(world, [less], { removals: true })).rejects.toThrow(
        /could not be applied/,
      );
      world.deaf = "";
      await apply(world, [less], { removals: true });
      expect(known(world)).toEqual([]);
      expect(Object.keys(world.tenants.get("tenant/demo")!.users)).toEqual([]);
    }
  });

  test("a wrong directory commands nothing at all", async () => {
    const world = made();
    const wrong = { ...demo, routes: [{ match: "0*", trunk: "none" }] };
    await expect(apply(world, [demo, wrong])).rejects.toThrow("tenants[1].routes[0].trunk");
    expect(world.commands).toEqual([]);
  });
});

test("users are listed in chunks, not one by one", async () => {
  const world = made();
  const users = Array.from({ length: 450 }, (_, n) => ({
    extension: String(2_000 + n),
    name: "",
    secret: "s",
  }));
  const { commands } = await apply(world, [{ id: "demo", domain: "demo.test", users }]);
  expect(commands.filter((line) => line.startsWith("ListUsers"))).toHaveLength(3);
  expect(Object.keys(world.tenants.get("tenant/demo")!.users)).toHaveLength(450);
});
