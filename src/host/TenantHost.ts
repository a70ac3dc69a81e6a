/** Binds the tenant decider to the runtime. */
import { Effect, Schema } from "effect";
import { type TenantCommand, TenantEvent } from "../../schemas/Tenant.ts";
import type { Behaviour } from "../actor/Behaviour.ts";
import { type Command, decider, type State } from "../tenant/Tenant.ts";

const decodeEvent = Schema.decodeUnknownSync(TenantEvent);

export const make = (): Behaviour<State, TenantCommand, Command, TenantEvent> => ({
  kind: "tenant",
  decider,
  decodeEvent,
  broadcast: () => undefined,
  prepare: () => undefined,
  stamp: ({ at, tenant }, _state, input) => {
    if (input._tag === "DeadlinePassed") throw new Error("a tenant has no deadlines");
    return { at, tenant, command: input.command };
  },
  deadlineOf: () => undefined,
  confirms: () => [],
  isOver: () => false,
  perform: () => Effect.succeed(undefined),
});
