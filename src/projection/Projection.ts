/** Events of the journals as rows: pure, so that every store has the same rows. */
import type { CallEvent } from "../../schemas/CallEvent.ts";
import { kindOf } from "../../schemas/Ids.ts";
import type { ActorId } from "../../schemas/Ids.ts";
import { numberOf, type Party } from "../../schemas/Party.ts";
import type { RecordHeader } from "../../schemas/Record.ts";
import type { BindingRow, CallRow, CdrRow } from "../../schemas/rpc/Rows.ts";
import type { Flow } from "../../schemas/Sip.ts";
import type { Binding, UserEvent } from "../../schemas/User.ts";
import * as Text from "../kernel/Text.ts";

/** One change of a projected table; idempotent. */
export type Change =
  | { readonly _tag: "CallPut"; readonly row: CallRow }
  | {
    readonly _tag: "CallAnswered";
    readonly call: string;
    readonly at: number;
    readonly callee: string | null;
  }
  | { readonly _tag: "CdrPut"; readonly row: CdrRow }
  | { readonly _tag: "BindingPut"; readonly row: BindingRow }
  | {
    readonly _tag: "BindingGone";
    readonly tenant: string;
    readonly extension: string;
    readonly uri: string | null;
  };

export const changesOf = (
  header: Pick<RecordHeader, "actor" | "tenant">,
  events: ReadonlyArray<unknown>,
): ReadonlyArray<Change> => {
  const actor = header.actor as ActorId;
  switch (kindOf(actor)) {
    case "call":
      return ofCall(actor.slice("call/".length), header.tenant, events as Array<CallEvent>);
    case "user": {
      const extension = actor.slice(`user/${header.tenant}/`.length);
      return ofUser(header.tenant, extension, events as Array<UserEvent>);
    }
    case "tenant":
      return [];
  }
};

const nameOf = (party: Party): string =>
  party._tag === "Trunk" ? `${party.number} (${party.trunk})` : numberOf(party);

const ofCall = (
  call: string,
  tenant: string,
  events: ReadonlyArray<CallEvent>,
): ReadonlyArray<Change> => {
  const changes: Array<Change> = [];
  for (const event of events) {
    if (event._tag === "CallOffered") changes.push(offered(call, tenant, event, events));
    if (event._tag === "CallAnswered") {
      const callee = event.callee === undefined ? null : nameOf(event.callee);
      changes.push({ _tag: "CallAnswered", call, at: event.at, callee });
    }
    if (event._tag === "FeatureAnswered") {
      const callee = nameOf({ _tag: "Feature", feature: event.feature });
      changes.push({ _tag: "CallAnswered", call, at: event.at, callee });
    }
    if (event._tag === "CallEnded") changes.push(ended(call, tenant, event));
  }
  return changes;
};

/** What a call shows while it lives. */
export const callRow = (
  call: string,
  tenant: string,
  facts: Pick<CallRow, "answeredAt" | "dialled" | "legs" | "phase" | "startedAt"> & {
    readonly caller: Party;
    readonly callee: Party | null;
  },
): CallRow => {
  const { callee, caller, ...rest } = facts;
  return {
    ...rest,
    call,
    tenant,
    caller: nameOf(caller),
    callee: callee === null ? null : nameOf(callee),
  };
};

const offered = (
  call: string,
  tenant: string,
  event: Extract<CallEvent, { _tag: "CallOffered" }>,
  events: ReadonlyArray<CallEvent>,
): Change => ({
  _tag: "CallPut",
  row: callRow(call, tenant, {
    phase: "setup",
    caller: event.caller,
    dialled: event.dialled,
    callee: null,
    startedAt: event.at,
    answeredAt: null,
    legs: 1 + events.filter(({ _tag }) => _tag === "LegStarted").length,
  }),
});

const ended = (
  call: string,
  tenant: string,
  event: Extract<CallEvent, { _tag: "CallEnded" }>,
): Change => {
  const { answeredAt, at, caller, callee, cause, dialled, endedBy, legs, ringingAt } = event;
  return {
    _tag: "CdrPut",
    row: {
      call,
      tenant,
      caller: nameOf(caller),
      callee: callee === null ? null : nameOf(callee),
      dialled,
      startedAt: event.startedAt,
      ringingAt,
      answeredAt,
      endedAt: at,
      durationMs: answeredAt === null ? 0 : at - answeredAt,
      cause,
      endedBy,
      status: event.status,
      legs,
    },
  };
};

const flowText = ({ remote, transport }: Flow): string =>
  `${transport} ${Text.hostOf(remote.ip)}:${remote.port}`;

export const bindingRow = (
  tenant: string,
  extension: string,
  { expiresAt, flow, uri, userAgent }: Binding,
): BindingRow => ({ tenant, extension, uri, flow: flowText(flow), expiresAt, userAgent });

const ofUser = (
  tenant: string,
  extension: string,
  events: ReadonlyArray<UserEvent>,
): ReadonlyArray<Change> =>
  events.flatMap((event): ReadonlyArray<Change> => {
    switch (event._tag) {
      case "ContactBound":
        return [{ _tag: "BindingPut", row: bindingRow(tenant, extension, event.binding) }];
      case "ContactUnbound":
        return [{ _tag: "BindingGone", tenant, extension, uri: event.uri }];
      case "UserRemoved":
        return [{ _tag: "BindingGone", tenant, extension, uri: null }];
      default:
        return [];
    }
  });
