/** State of a user, and what may be asked of it. */
import type { Reply } from "../../schemas/Reply.ts";
import type { Binding, Ha1, UserCommand } from "../../schemas/User.ts";

export interface State {
  readonly provisioned: boolean;
  readonly display: string;
  readonly realm: string;
  readonly ha1: ReadonlyArray<Ha1>;
  readonly maxBindings: number;
  readonly bindings: ReadonlyArray<Binding>;
}

export const initial: State = {
  provisioned: false,
  display: "",
  realm: "",
  ha1: [],
  maxBindings: 0,
  bindings: [],
};

/** A command with the facts that the host added. */
export type Command =
  & { readonly at: number }
  & (
    | {
      readonly _tag: "Wire";
      readonly command: UserCommand;
      /** Why the sender is not believed; null when its digest answer was right. */
      readonly refusal: Reply | null;
      /** What the tenant says of the request, for those that ask. */
      readonly routed: Extract<Reply, { _tag: "Routed" }> | null;
    }
    | { readonly _tag: "DeadlinePassed"; readonly generation: number }
  );

/** Seconds. A registration shorter than the least is refused with 423 (RFC 3261 10.3). */
export const expiry = {
  least: 60,
  usual: 3_600,
  most: 7_200,
  /** Behind NAT over UDP the mapping closes soon: the registration is the keep-alive. */
  natted: 120,
} as const;

/** The same contact: by instance and reg-id (RFC 5626) where given, else by URI. */
export const same = (
  a: Pick<Binding, "key" | "instance" | "regId">,
  b: Pick<Binding, "key" | "instance" | "regId">,
): boolean =>
  a.instance !== null && b.instance !== null
    ? a.instance === b.instance && a.regId === b.regId
    : a.key === b.key;

export const live = (state: State, at: number): ReadonlyArray<Binding> =>
  state.bindings.filter(({ expiresAt }) => expiresAt > at);

/** Earliest end of a binding; its generation is the instant itself. */
export const nextExpiry = (state: State): number | undefined =>
  state.bindings.length === 0
    ? undefined
    : state.bindings.reduce((least, { expiresAt }) => Math.min(least, expiresAt), Infinity);
