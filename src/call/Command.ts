/**
 * What a call decides on: commands of the wire with the facts that the host verified and minted.
 */
import type { CallCommand } from "../../schemas/Call.ts";
import type { Relay } from "../../schemas/CallEvent.ts";
import type { Hop } from "../../schemas/Effect.ts";
import type { LegId, WorkerId } from "../../schemas/Ids.ts";
import type { Cause, Feature, Party } from "../../schemas/Party.ts";
import type { Policy } from "../../schemas/Tenant.ts";

/** One place to ring. */
export interface Target {
  readonly party: Party;
  readonly uri: string;
  readonly routeSet: ReadonlyArray<string>;
  readonly hop: Hop;
  readonly edge: WorkerId;
}

/** Ids for one new leg. */
export interface Minted {
  readonly callId: string;
  readonly tag: string;
  readonly forkTag: string;
}

/** Who calls whom under which policy; verified by the host before the call hears of it. */
export interface OfferFacts {
  readonly policy: Policy;
  readonly caller: Party;
  readonly dialled: string;
  /** Why the call is over before it began. */
  readonly refusal: { readonly status: number; readonly cause: Cause } | null;
  readonly targets: ReadonlyArray<Target>;
  readonly feature: Feature | null;
}

/** Ports for the call; "exhausted" when the worker had none. */
export type MediaFacts = Relay | "exhausted" | null;

/** The lookup of a redirection, done by the host. */
export interface AddTargets {
  readonly _tag: "AddTargets";
  readonly leg: LegId;
  readonly targets: ReadonlyArray<Target>;
  readonly slots: ReadonlyArray<number>;
  readonly depth: number;
  readonly relay: MediaFacts;
}

export type Command =
  & {
    readonly at: number;
    /** Our tag towards the caller, and ids for as many legs as the command can start. */
    readonly tag: string;
    readonly minted: ReadonlyArray<Minted>;
  }
  & (
    | {
      readonly _tag: "Offer";
      readonly command: Extract<CallCommand, { _tag: "OfferCall" }>;
      readonly facts: OfferFacts;
      readonly relay: MediaFacts;
    }
    | {
      readonly _tag: "Wire";
      readonly command: Exclude<CallCommand, { _tag: "OfferCall" }>;
      readonly relay: MediaFacts;
    }
    | { readonly _tag: "Targets"; readonly command: AddTargets }
    | { readonly _tag: "DeadlinePassed"; readonly name: string; readonly generation: number }
  );
