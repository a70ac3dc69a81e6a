/** Applies a directory: plans against the tenants' own records, then commands what differs. */
import { Effect, Schema } from "effect";
import type { Change, Directory, DirectoryTenant } from "../../schemas/Directory.ts";
import { tenantActor, type TenantId, userActor } from "../../schemas/Ids.ts";
import type { Policy, TenantFacts } from "../../schemas/Tenant.ts";
import type { Algorithm, Ha1 } from "../../schemas/User.ts";
import type { CommandEnvelope } from "../../schemas/Envelope.ts";
import * as Hash from "../kernel/Hash.ts";
import * as Digest from "../sip/Digest.ts";
import { type Address, ask } from "./Address.ts";
import { algorithmsOf } from "./Authentication.ts";
import * as File from "./Directory.ts";

/** An actor did not take a change: what was applied before it stays, and applying again goes on. */
export class ProvisioningFailed
  extends Schema.TaggedError<ProvisioningFailed>()("ProvisioningFailed", {
    what: Schema.String,
  }) {
  override get message(): string {
    return `${this.what} could not be applied; apply the same directory again`;
  }
}

export interface Config {
  readonly address: Address;
  readonly fingerprintKey: Uint8Array;
  readonly random: (size: number) => Uint8Array;
  /** Tenants that exist. */
  readonly tenants: () => ReadonlyArray<TenantId>;
}

/** A change and the commands that make it. */
interface Step extends Change {
  readonly commands: ReadonlyArray<{
    readonly actor: string;
    readonly command: CommandEnvelope["command"];
  }>;
}

interface Credential {
  readonly name: string;
  readonly secret: string;
  readonly display: string;
}

const listChunk = 200;
const concurrency = 64;

const fingerprinter = (key: Uint8Array) => (parts: ReadonlyArray<string>): string =>
  Buffer.from(
    Hash.keyed(key, new TextEncoder().encode(JSON.stringify(parts))).subarray(0, 12),
  ).toString("hex");

const ha1 = (
  algorithms: ReadonlyArray<Algorithm>,
  domain: string,
  { name, secret }: Credential,
): ReadonlyArray<Ha1> =>
  algorithms.map((algorithm) => ({
    algorithm,
    value: Digest.ha1(algorithm, name, domain, secret),
  }));

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

/** What has to change in one tenant. */
const plan = (
  config: Config,
  tenant: DirectoryTenant,
  before: TenantFacts | null,
  removals: boolean,
): ReadonlyArray<Step> => {
  const fingerprint = fingerprinter(config.fingerprintKey);
  const { policy, routes, trunks } = File.partsOf(tenant, fingerprint);
  const actor = tenantActor(tenant.id);
  const steps: Array<Step> = [];
  const step = (
    action: Change["action"],
    what: string,
    commands: Step["commands"],
  ): void => void steps.push({ tenant: tenant.id, action, what, commands });
  const own = (command: CommandEnvelope["command"]) => [{ actor, command }];

  const { domain, exceptions, limits, mediaNetworks } = before ?? {};
  if (before === null || !same(policy, { domain, exceptions, mediaNetworks, limits })) {
    const granted = policy.exceptions.length === 0
      ? "no exceptions"
      : `exceptions ${policy.exceptions.join(", ")}`;
    step(
      before === null ? "add" : "change",
      `tenant ${tenant.id} (${policy.domain}), ${granted}`,
      own({ _tag: "ProvisionTenant", ...policy }),
    );
  }
  for (const trunk of tenant.trunks ?? []) {
    const kept = trunks.find(({ id }) => id === trunk.id)!;
    const old = before?.trunks.find(({ id }) => id === trunk.id);
    if (same(kept, old)) continue;
    const { secret, username } = trunk;
    const login = secret === undefined || username === undefined
      ? []
      : [provision(tenant.id, { ...policy, tenant: tenant.id }, {
        name: username,
        secret,
        display: trunk.id,
      })];
    step(old === undefined ? "add" : "change", `trunk ${trunk.id} at ${trunk.address}`, login);
  }
  const trunksKept = [...trunks, ...leftOver(before?.trunks, trunks, removals, ({ id }) => id)];
  for (const { id } of before?.trunks ?? []) {
    if (trunks.some((trunk) => trunk.id === id)) continue;
    step(removals ? "remove" : "keep", `trunk ${id}`, []);
  }
  if (before === null || !same(trunksKept, before.trunks)) {
    steps.push(quiet(tenant.id, own({ _tag: "ChangeTrunks", trunks: trunksKept })));
  }
  if (!same(routes, before?.routes ?? [])) {
    const listed = routes.map(({ match, trunk }) => `${match} to ${trunk}`).join(", ");
    const action = before === null ? "add" : "change";
    step(action, `routes: ${listed || "none"}`, own({ _tag: "ChangeRoutes", routes }));
  }
  return [...steps, ...planUsers(config, tenant, policy, before, removals)];
};

/** Steps that follow from others and are no line of the plan. */
const quiet = (tenant: TenantId, commands: Step["commands"]): Step => ({
  tenant,
  action: "change",
  what: "",
  commands,
});

const leftOver = <A>(
  before: ReadonlyArray<A> | undefined,
  now: ReadonlyArray<A>,
  removals: boolean,
  key: (a: A) => string,
): ReadonlyArray<A> =>
  removals ? [] : (before ?? []).filter((old) => !now.some((kept) => key(kept) === key(old)));

const provision = (tenant: TenantId, policy: Policy, credential: Credential) => ({
  actor: userActor(tenant, credential.name),
  command: {
    _tag: "ProvisionUser",
    display: credential.display,
    realm: policy.domain,
    ha1: ha1(algorithmsOf(policy), policy.domain, credential),
    maxBindings: policy.limits.maxBindings,
  } as const,
});

const planUsers = (
  config: Config,
  tenant: DirectoryTenant,
  policy: Omit<Policy, "tenant">,
  before: TenantFacts | null,
  removals: boolean,
): ReadonlyArray<Step> => {
  const fingerprint = fingerprinter(config.fingerprintKey);
  const listed = new Map(before?.users.map((user) => [user.extension, user.fingerprint]));
  const steps: Array<Step> = [];
  const full = { ...policy, tenant: tenant.id };
  for (const { extension, name, secret } of tenant.users ?? []) {
    const parts = [tenant.id, policy.domain, extension, name, secret];
    const now = fingerprint([
      ...parts,
      ...algorithmsOf(full),
      `${policy.limits.maxBindings}`,
    ]);
    const old = listed.get(extension);
    listed.delete(extension);
    if (old === now) continue;
    steps.push({
      tenant: tenant.id,
      action: old === undefined ? "add" : "change",
      what: `user ${extension}`,
      commands: [
        provision(tenant.id, full, { name: extension, secret, display: name }),
        {
          actor: tenantActor(tenant.id),
          command: { _tag: "ListUsers", users: [{ extension, fingerprint: now }] },
        },
      ],
    });
  }
  for (const extension of listed.keys()) {
    steps.push({
      tenant: tenant.id,
      action: removals ? "remove" : "keep",
      what: `user ${extension}`,
      commands: removals
        ? [
          {
            actor: tenantActor(tenant.id),
            command: { _tag: "UnlistUsers", extensions: [extension] },
          },
          { actor: userActor(tenant.id, extension), command: { _tag: "RemoveUser" } },
        ]
        : [],
    });
  }
  return steps;
};

/** Lists of users go in chunks: one record for many instead of one for each. */
const bundle = (commands: Step["commands"]): Step["commands"] => {
  const bundled: Array<Step["commands"][number]> = [];
  const listing = commands.filter(({ command }) => command._tag === "ListUsers");
  const users = listing.flatMap(({ command }) => command._tag === "ListUsers" ? command.users : []);
  for (let n = 0; n < users.length; n += listChunk) {
    const chunk = users.slice(n, n + listChunk);
    bundled.push({ actor: listing[0]!.actor, command: { _tag: "ListUsers", users: chunk } });
  }
  return bundled;
};

export interface Provisioning {
  readonly apply: (
    json: unknown,
    options: { readonly removals: boolean; readonly dryRun: boolean },
  ) => Effect.Effect<ReadonlyArray<Change>, File.DirectoryRefused | ProvisioningFailed>;
}

export const make = (config: Config): Provisioning => {
  const { address } = config;
  /** Command ids are random: applying again must not be answered from memory. */
  const command = (tenant: TenantId, { actor, command }: Step["commands"][number], n: number) => {
    const id = `apply/${Buffer.from(config.random(9)).toString("base64url")}/${n}`;
    return Effect.flatMap(
      ask(address, tenant, actor, id, command),
      (reply) =>
        reply?._tag === "Accepted"
          ? Effect.void
          : Effect.fail(new ProvisioningFailed({ what: `${command._tag} of ${actor}` })),
    );
  };

  const planTenant = Effect.fnUntraced(function* (tenant: DirectoryTenant, removals: boolean) {
    const id = `plan/${Buffer.from(config.random(9)).toString("base64url")}`;
    const actor = tenantActor(tenant.id);
    const reply = yield* ask(address, tenant.id, actor, id, { _tag: "DescribeTenant" });
    if (reply?._tag !== "TenantDescribed") {
      return yield* new ProvisioningFailed({ what: `the plan of tenant ${tenant.id}` });
    }
    return plan(config, tenant, reply.tenant, removals);
  });

  const applyTenant = Effect.fnUntraced(function* (tenant: TenantId, steps: ReadonlyArray<Step>) {
    const commands = steps.flatMap((step) => step.commands);
    const isList = ({ command }: Step["commands"][number]) => command._tag === "ListUsers";
    const isUser = ({ actor }: Step["commands"][number]) => actor.startsWith("user/");
    // The tenant first, then users in any order, then the list that makes them dialable.
    const first = commands.filter((step) => !isUser(step) && !isList(step));
    yield* Effect.forEach(first, (step, n) => command(tenant, step, n), { discard: true });
    const users = commands.filter(isUser);
    yield* Effect.forEach(users, (step, n) => command(tenant, step, n), {
      discard: true,
      concurrency,
    });
    yield* Effect.forEach(bundle(commands), (step, n) => command(tenant, step, n), {
      discard: true,
    });
  });

  const apply = Effect.fn("Provisioning.apply")(function* (
    json: unknown,
    options: { readonly removals: boolean; readonly dryRun: boolean },
  ) {
    const directory: Directory = yield* Effect.fromResult(File.parse(json));
    const changes: Array<Change> = [];
    for (const tenant of directory.tenants) {
      const steps = yield* planTenant(tenant, options.removals);
      if (!options.dryRun) yield* applyTenant(tenant.id, steps);
      for (const { action, tenant, what } of steps) {
        if (what !== "") changes.push({ tenant, action, what });
      }
    }
    const named = new Set(directory.tenants.map(({ id }) => id));
    for (const tenant of config.tenants()) {
      if (!named.has(tenant)) changes.push({ tenant, action: "keep", what: `tenant ${tenant}` });
    }
    return changes;
  });
  return { apply: (json, options) => apply(json, options) };
};
