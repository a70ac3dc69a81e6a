/**
 * One live actor as its shard holds it: what folding the journal gives, and nothing else. A plain
 * object with arrays, because there are very many of them.
 */
import type { Effect, EffectRef } from "../../schemas/Effect.ts";
import type { ActorId, CommandId, TenantId } from "../../schemas/Ids.ts";
import type { RecordHeader } from "../../schemas/Record.ts";
import type { Reply } from "../../schemas/Reply.ts";
import type { ActorSnapshot } from "../../schemas/Shard.ts";
import type { AnyBehaviour } from "./Behaviour.ts";
import type { Entry } from "./Deadlines.ts";

/** An effect that nothing has confirmed yet. */
export interface Pending {
  readonly ref: EffectRef;
  readonly effect: Effect;
  /** Past it the effect expires, standing ones aside. */
  readonly deadline: number;
}

/** Why a command that comes again gets the same answer. */
export interface Remembered {
  readonly id: CommandId;
  readonly reply: Reply;
  readonly until: number;
}

export interface Cell {
  readonly actor: ActorId;
  readonly tenant: TenantId;
  readonly behaviour: AnyBehaviour;
  state: unknown;
  /** Sequence of the actor's newest record. */
  sequence: number;
  pending: ReadonlyArray<Pending>;
  replies: ReadonlyArray<Remembered>;
  deadline: Entry | undefined;
  /** When it was first seen to be over; 0 while it lives. */
  overSince: number;
  /** Why it takes no more commands. */
  parked: string | undefined;
  /** It could not fold a record that the journal has: from there on only the journal knows it. */
  broken: boolean;
}

/** SIP's transactions live 64 T1: what was to be sent earlier helps nobody. */
export const effectLifeMs = 32_000;
/** A sender repeats a command until its deadline; its reply is kept this much longer. */
export const replyMarginMs = 8_000;

export const make = (actor: ActorId, tenant: TenantId, behaviour: AnyBehaviour): Cell => ({
  actor,
  tenant,
  behaviour,
  state: behaviour.decider.initial,
  sequence: 0,
  pending: [],
  replies: [],
  deadline: undefined,
  overSince: 0,
  parked: undefined,
  broken: false,
});

/**
 * Folds one record into the actor: state, and the effects that are now due. The same on the live
 * path and in a replay; that is what makes a takeover derive the same effects.
 */
export const apply = (
  cell: Cell,
  header: RecordHeader,
  events: ReadonlyArray<unknown>,
): ReadonlyArray<Pending> => {
  const { decider, confirms } = cell.behaviour;
  let due: ReadonlyArray<Pending> = [];
  let index = 0;
  for (const event of events) {
    const before = cell.state;
    cell.state = decider.evolve(before, event);
    const proven = confirms(before, event);
    if (proven.length > 0) {
      cell.pending = cell.pending.filter(({ ref }) => !proven.includes(ref.slot));
    }
    for (const effect of decider.effectsOf(before, event, cell.state)) {
      const ref: EffectRef = {
        actor: cell.actor,
        epoch: header.epoch,
        sequence: header.sequence,
        index: index++,
        slot: effect.slot,
      };
      const pending = { ref, effect, deadline: header.at + effectLifeMs };
      // One effect for each slot: a newer one replaces what it makes pointless.
      cell.pending = [...without(cell.pending, effect.slot), pending];
      due = without(due, effect.slot);
      if (effect.inForce !== true) due = [...due, pending];
    }
  }
  cell.sequence = header.sequence;
  return due;
};

/** Folds whole or not at all: a defect on the way leaves the actor as it was. */
export const whole = <A>(cell: Cell, fold: () => A): A => {
  const { pending, replies, sequence, state } = cell;
  try {
    return fold();
  } catch (cause) {
    Object.assign(cell, { pending, replies, sequence, state });
    throw cause;
  }
};

const without = (list: ReadonlyArray<Pending>, slot: string): ReadonlyArray<Pending> =>
  list.some(({ ref }) => ref.slot === slot) ? list.filter(({ ref }) => ref.slot !== slot) : list;

/** Removes an effect that was performed; false when it was not pending (any more). */
export const confirm = (cell: Cell, ref: EffectRef): boolean => {
  const rest = cell.pending.filter((pending) => !same(pending.ref, ref));
  if (rest.length === cell.pending.length) return false;
  cell.pending = rest;
  return true;
};

const same = (a: EffectRef, b: EffectRef): boolean =>
  a.slot === b.slot && a.sequence === b.sequence && a.epoch === b.epoch && a.index === b.index;

export const remember = (cell: Cell, reply: Remembered, now: number): void => {
  const live = cell.replies.length > 0 && cell.replies[0]!.until < now
    ? cell.replies.filter(({ until }) => until >= now)
    : cell.replies;
  cell.replies = [...live, reply];
};

export const recall = (cell: Cell, id: CommandId): Reply | undefined =>
  cell.replies.find((remembered) => remembered.id === id)?.reply;

/** Forgets what has run out of time: effects (standing ones aside) and replies. */
export const expire = (cell: Cell, now: number): void => {
  if (cell.pending.some((pending) => isExpired(pending, now))) {
    cell.pending = cell.pending.filter((pending) => !isExpired(pending, now));
  }
  if (cell.replies.length > 0 && cell.replies[0]!.until < now) {
    cell.replies = cell.replies.filter(({ until }) => until >= now);
  }
};

const isExpired = ({ effect, deadline }: Pending, now: number): boolean =>
  !effect.standing && deadline < now;

/** True when nothing would be lost by forgetting it. */
export const isForgettable = (cell: Cell, now: number): boolean =>
  !cell.broken && cell.overSince > 0 && now - cell.overSince > effectLifeMs &&
  cell.pending.length === 0 && cell.replies.length === 0;

export const snapshot = (cell: Cell): ActorSnapshot => ({
  actor: cell.actor,
  state: cell.state,
  pending: cell.pending.map(({ ref, deadline, effect }) => ({ ref, deadline, effect })),
  replies: cell.replies.map(({ id, reply, until }) => [id, reply, until]),
});

export const restore = (
  tenant: TenantId,
  behaviour: AnyBehaviour,
  sequence: number,
  from: ActorSnapshot,
): Cell => ({
  ...make(from.actor, tenant, behaviour),
  state: from.state,
  sequence,
  pending: from.pending.map(({ ref, deadline, effect }) => ({
    ref,
    deadline,
    effect: effect as Effect,
  })),
  replies: from.replies.map(([id, reply, until]) => ({ id, reply: reply as Reply, until })),
});
