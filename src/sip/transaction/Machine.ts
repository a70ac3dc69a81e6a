/**
 * Transaction machines (RFC 3261 section 17) as tables. `compile` turns the rows of a machine into
 * ready-made results, so that a step is a look-up: it computes nothing and allocates nothing.
 *
 * The machines hold no messages: a row says what to do with the message that came with the input or
 * with the one that was sent last, and the owner keeps those.
 */
import type { Step } from "../../kernel/Step.ts";

/** Section 17 and RFC 6026 name the letters; `100` is the delay of RFC 4320 section 4.1. */
export type Timer = "A" | "B" | "D" | "E" | "F" | "G" | "H" | "I" | "J" | "K" | "L" | "M" | "100";

export type Output =
  /** Send the message that came with the input, and keep it for `resend`. */
  | { readonly kind: "send" }
  /** Send the last message again, if there is one. */
  | { readonly kind: "resend" }
  /** Send a 100 made from the request, and keep it. */
  | { readonly kind: "send100" }
  /** Send the ACK for the response that came (`Derive.ack`). */
  | { readonly kind: "sendAck" }
  /** Give the message that came to the transaction user. */
  | { readonly kind: "deliver" }
  | { readonly kind: "inform"; readonly cause: "timeout" | "transport" | "noAck" }
  | { readonly kind: "start"; readonly timer: Timer; readonly ms: number }
  | { readonly kind: "stop"; readonly timer: Timer }
  /** Forget the transaction and every timer of it. */
  | { readonly kind: "terminated" };

/** An output as a row writes it: how long a timer runs depends on the configuration. */
export type Action = Exclude<Output, { kind: "start" }> | { readonly kind: "start"; timer: Timer };

export interface Row<Name extends string, Input extends string> {
  readonly state: Name;
  readonly input: Input;
  readonly next: Name;
  readonly outputs: ReadonlyArray<Action>;
  /** The section that says so. */
  readonly rfc: string;
  /** Only over such a transport; over any when absent. */
  readonly over?: "reliable" | "unreliable";
}

/** Writes the rows of one machine. */
export const rowOf = <Name extends string, Input extends string>() =>
(
  state: Name,
  input: Input,
  next: Name,
  outputs: ReadonlyArray<Action>,
  rfc: string,
): Row<Name, Input> => ({ state, input, next, outputs, rfc });

/** Plain data: may be stored and read again. */
export interface State<Name extends string> {
  readonly name: Name;
  /** How often the retransmission timer fired in this state, up to where it stops growing. */
  readonly fired: number;
}

export interface Config {
  /** Estimate of the round trip (section 17.1.1.1). */
  readonly t1: number;
  /** Longest interval between retransmissions. */
  readonly t2: number;
  /** How long a message stays in the network. */
  readonly t4: number;
  /** TCP, TLS, WS, WSS: nothing is retransmitted, nothing stays in the network. */
  readonly reliable: boolean;
}

export const defaults: Omit<Config, "reliable"> = { t1: 500, t2: 4_000, t4: 5_000 };

export const send: Action = { kind: "send" };
export const resend: Action = { kind: "resend" };
export const send100: Action = { kind: "send100" };
export const sendAck: Action = { kind: "sendAck" };
export const deliver: Action = { kind: "deliver" };
export const terminated: Action = { kind: "terminated" };
export const timedOut: Action = { kind: "inform", cause: "timeout" };
export const transportFailed: Action = { kind: "inform", cause: "transport" };
export const noAck: Action = { kind: "inform", cause: "noAck" };
export const start = (timer: Timer): Action => ({ kind: "start", timer });
export const stop = (timer: Timer): Action => ({ kind: "stop", timer });

/** Timer D must be 32 s or more, whatever T1 is (section 17.1.1.2). */
const leastD = 32_000;
/** 2^6 times T1 is when the transaction times out, so that no interval needs to grow further. */
const mostFired = 6;

/** How long a timer runs (RFC 3261 table 4); `undefined`: it is not used over this transport. */
const duration = (timer: Timer, state: string, fired: number, config: Config) => {
  const { reliable, t1, t2, t4 } = config;
  const doubled = t1 * 2 ** fired;
  switch (timer) {
    case "A":
      return reliable ? undefined : doubled;
    case "E":
      return reliable ? undefined : state === "proceeding" ? t2 : Math.min(doubled, t2);
    case "G":
      return reliable ? undefined : Math.min(doubled, t2);
    case "B":
    case "F":
    case "H":
    case "L":
    case "M":
      return 64 * t1;
    case "D":
      return reliable ? 0 : Math.max(leastD, 64 * t1);
    case "I":
    case "K":
      return reliable ? 0 : t4;
    case "J":
      return reliable ? 0 : 64 * t1;
    case "100": {
      // When a client's timer E was just reset to T2 (RFC 4320 section 4.1): 3.5 s by default.
      let ms = 0;
      for (let interval = t1; interval < t2; interval *= 2) ms += interval;
      return ms;
    }
  }
};

const resolve = (action: Action, state: string, fired: number, config: Config): Array<Output> => {
  if (action.kind !== "start" && action.kind !== "stop") return [action];
  const ms = duration(action.timer, state, fired, config);
  if (ms === undefined) return [];
  return [action.kind === "start" ? { kind: "start", timer: action.timer, ms } : action];
};

type Result<Name extends string> = readonly [State<Name>, ReadonlyArray<Output>];

const isTimer = (input: string): boolean => input.startsWith("timer");

/** The machine of these rows. An input without a row changes nothing and causes nothing. */
export const compile = <Name extends string, Input extends string>(
  rows: ReadonlyArray<Row<Name, Input>>,
  config: Config,
): Step<State<Name>, Input, Output> => {
  const names = new Set([...rows.map((row) => row.state), ...rows.map((row) => row.next)]);
  const states = new Map<Name, ReadonlyArray<State<Name>>>();
  for (const name of names) {
    states.set(name, Array.from({ length: mostFired + 1 }, (_, fired) => ({ name, fired })));
  }
  const results = new Map<Name, ReadonlyArray<Map<Input | "", Result<Name>>>>();
  for (const [name, all] of states) {
    results.set(name, all.map((state) => new Map([["", [state, []]]])));
  }
  for (const row of rows) {
    if (row.over !== undefined && (row.over === "reliable") !== config.reliable) continue;
    for (let fired = 0; fired <= mostFired; fired++) {
      // A timer that restarts itself is the one whose interval grows.
      const again = isTimer(row.input) && row.next === row.state;
      const after = again ? Math.min(fired + 1, mostFired) : row.next === row.state ? fired : 0;
      const outputs = row.outputs.flatMap((action) => resolve(action, row.next, after, config));
      results.get(row.state)![fired]!.set(row.input, [states.get(row.next)![after]!, outputs]);
    }
  }
  return (state, input) => {
    const known = results.get(state.name)![state.fired]!;
    return known.get(input) ?? known.get("")!;
  };
};

/** Every machine begins here; its first input makes it what it is. */
export const initial: State<"initial"> = { name: "initial", fired: 0 };
