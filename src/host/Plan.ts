/** What has to change in a tenant so that it is as its directory says. */
import type { Change, DirectoryTenant } from "../../schemas/Directory.ts";
import type { CommandEnvelope } from "../../schemas/Envelope.ts";
import { tenantActor, type TenantId, userActor } from "../../schemas/Ids.ts";
import type { Policy, Route, TenantFacts, Trunk } from "../../schemas/Tenant.ts";
import type { Algorithm, Ha1 } from "../../schemas/User.ts";
import * as Hash from "../kernel/Hash.ts";
import * as Digest from "../sip/Digest.ts";
import { algorithmsOf } from "./Authentication.ts";
import * as File from "./Directory.ts";

/** A change and the commands that make it. */
export interface Step extends Change {
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
export const plan = (
  fingerprintKey: Uint8Array,
  tenant: DirectoryTenant,
  before: TenantFacts | null,
  removals: boolean,
): ReadonlyArray<Step> => {
  const fingerprint = fingerprinter(fingerprintKey);
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
  steps.push(...planTrunks(tenant, policy, trunks, before, removals));
  if (!same(routes, before?.routes ?? [])) {
    const action = before === null ? "add" : "change";
    const old = before === null ? "" : `, before: ${routesText(before.routes)}`;
    step(action, `routes: ${routesText(routes)}${old}`, own({ _tag: "ChangeRoutes", routes }));
  }
  return [...steps, ...planUsers(fingerprintKey, tenant, policy, before, removals)];
};

/** At most as long as a line of a plan may be. */
const routesText = (routes: ReadonlyArray<Route>): string => {
  const text = routes.map(({ match, trunk }) => `${match} to ${trunk}`).join(", ") || "none";
  return text.length <= 200 ? text : `${text.slice(0, 200)} ... (${routes.length})`;
};

/**
 * Trunks, and the users that their logins are: a login that no trunk has any more is removed with
 * it, else its secret would open the tenant for ever.
 */
const planTrunks = (
  tenant: DirectoryTenant,
  policy: Omit<Policy, "tenant">,
  trunks: ReadonlyArray<Trunk>,
  before: TenantFacts | null,
  removals: boolean,
): ReadonlyArray<Step> => {
  const { id, trunks: given = [], users = [] } = tenant;
  const known = before?.trunks ?? [];
  const kept = [...trunks, ...leftOver(known, trunks, removals, ({ id }) => id)];
  const taken = new Set<string | null>([
    ...kept.map(({ username }) => username),
    ...users.map(({ extension }) => extension),
    ...(before?.users ?? []).map(({ extension }) => extension),
  ]);
  const logout = (old: Trunk | undefined): Step["commands"] =>
    old === undefined || old.username === null || taken.has(old.username)
      ? []
      : [{ actor: userActor(id, old.username), command: { _tag: "RemoveUser" } }];
  const changed = given.flatMap((trunk): ReadonlyArray<Step> => {
    const old = known.find((other) => other.id === trunk.id);
    if (same(trunks.find((other) => other.id === trunk.id), old)) return [];
    const { secret, username } = trunk;
    const login = secret === undefined || username === undefined ? [] : [
      provision(id, { ...policy, tenant: id }, { name: username, secret, display: trunk.id }),
    ];
    const action = old === undefined ? "add" : "change";
    const what = `trunk ${trunk.id} at ${trunk.address}`;
    return [{ tenant: id, action, what, commands: [...login, ...logout(old)] }];
  });
  const gone = known.filter((old) => !trunks.some((trunk) => trunk.id === old.id)).map((
    old,
  ): Step => ({
    tenant: id,
    action: removals ? "remove" : "keep",
    what: `trunk ${old.id}`,
    commands: removals ? logout(old) : [],
  }));
  if (before !== null && same(kept, known)) return [...changed, ...gone];
  const command = { _tag: "ChangeTrunks", trunks: kept } as const;
  return [...changed, ...gone, quiet(id, [{ actor: tenantActor(id), command }])];
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
  fingerprintKey: Uint8Array,
  tenant: DirectoryTenant,
  policy: Omit<Policy, "tenant">,
  before: TenantFacts | null,
  removals: boolean,
): ReadonlyArray<Step> => {
  const fingerprint = fingerprinter(fingerprintKey);
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
  const logins = new Set((tenant.trunks ?? []).map(({ username }) => username));
  for (const extension of listed.keys()) {
    const unlist = {
      actor: tenantActor(tenant.id),
      command: { _tag: "UnlistUsers", extensions: [extension] },
    } as const;
    if (logins.has(extension)) {
      const what = `user ${extension}, now the login of a trunk`;
      steps.push({ tenant: tenant.id, action: "change", what, commands: [unlist] });
      continue;
    }
    steps.push({
      tenant: tenant.id,
      action: removals ? "remove" : "keep",
      what: `user ${extension}`,
      commands: removals
        ? [unlist, { actor: userActor(tenant.id, extension), command: { _tag: "RemoveUser" } }]
        : [],
    });
  }
  return steps;
};
