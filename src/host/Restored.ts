/**
 * What an actor of a checkpoint shows: the records that made it may be cut, so that its rows come
 * from its state.
 */
import { type ActorId, kindOf } from "../../schemas/Ids.ts";
import type { RecordHeader } from "../../schemas/Record.ts";
import type { State as CallState } from "../call/State.ts";
import { bindingRow, callRow, type Change } from "../projection/Projection.ts";
import type { State as UserState } from "../user/State.ts";

const ofCall = (call: string, tenant: string, state: CallState): ReadonlyArray<Change> => {
  const { answeredAt, caller, dialled, feature, legs, phase, startedAt } = state;
  // A CDR was written when the call ended, before its records could be cut.
  if (phase !== "setup" && phase !== "up") return [];
  const callee = feature === null
    ? legs[state.callee ?? -1]?.party ?? null
    : { _tag: "Feature", feature } as const;
  const facts = { phase, caller, callee, dialled, startedAt, answeredAt, legs: legs.length };
  return [{ _tag: "CallPut", row: callRow(call, tenant, facts) }];
};

/** `state`: of the kind that the header names. */
export const changesOf = (
  { actor, tenant }: Pick<RecordHeader, "actor" | "tenant">,
  state: unknown,
): ReadonlyArray<Change> => {
  switch (kindOf(actor as ActorId)) {
    case "call":
      return ofCall(actor.slice("call/".length), tenant, state as CallState);
    case "user": {
      const extension = actor.slice(`user/${tenant}/`.length);
      return (state as UserState).bindings.map((binding) => ({
        _tag: "BindingPut",
        row: bindingRow(tenant, extension, binding),
      }));
    }
    case "tenant":
      return [];
  }
};
