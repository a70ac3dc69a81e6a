/** Applies a directory: plans against the tenants' own records, then commands what differs. */
import { Effect, Schema } from "effect";
import type { Change, Directory, DirectoryTenant } from "../../schemas/Directory.ts";
import { tenantActor, type TenantId } from "../../schemas/Ids.ts";
import { type Address, ask } from "./Address.ts";
import * as File from "./Directory.ts";
import { plan, type Step } from "./Plan.ts";

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

const listChunk = 200;
const usersAtOnce = 64;

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
    return plan(config.fingerprintKey, tenant, reply.tenant, removals);
  });

  const applyTenant = Effect.fnUntraced(function* (tenant: TenantId, steps: ReadonlyArray<Step>) {
    const commands = steps.flatMap((step) => step.commands);
    const isList = ({ command }: Step["commands"][number]) => command._tag === "ListUsers";
    const isUser = ({ actor }: Step["commands"][number]) => actor.startsWith("user/");
    const isFirst = ({ command }: Step["commands"][number]) => command._tag === "ProvisionTenant";
    const rest = commands.filter((step) => !isFirst(step) && !isUser(step) && !isList(step));
    // The tenant first, then users in any order; last what says that they are done: a plan that was
    // broken off finds what is missing by the lists of users and trunks.
    const inOrder = (steps: Step["commands"], concurrency: number) =>
      Effect.forEach(steps, (step, n) => command(tenant, step, n), { discard: true, concurrency });
    yield* inOrder(commands.filter(isFirst), 1);
    yield* inOrder(commands.filter(isUser), usersAtOnce);
    yield* inOrder([...rest, ...bundle(commands)], 1);
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
