/**
 * Non-INVITE server transaction: RFC 3261 section 17.2.2 as amended by RFC 4320: no provisional
 * response but a 100, over UDP none before the client's interval is at its longest, and no 408,
 * which would only race with the client's own timeout. A failing transport ends nothing (RFC 6026
 * section 8.8), so that a repeated request is not taken for a new one.
 */
import type { Step } from "../../kernel/Step.ts";
import * as Machine from "./Machine.ts";
import {
  deliver,
  resend,
  send,
  send100,
  start,
  stop,
  terminated,
  transportFailed,
} from "./Machine.ts";

export type Name = "initial" | "trying" | "proceeding" | "completed" | "terminated";

export type Input =
  | "request"
  | "send100"
  | "send200-699"
  | "send408"
  | "timerJ"
  | "timer100"
  | "transportError";

const row = Machine.rowOf<Name, Input>();

const final = [send, stop("100"), start("J")];

export const rows: ReadonlyArray<Machine.Row<Name, Input>> = [
  row("initial", "request", "trying", [deliver, start("100")], "3261 17.2.2, 4320 4.1"),

  row("trying", "request", "trying", [], "3261 17.2.2"),
  {
    ...row("trying", "send100", "proceeding", [send, stop("100")], "4320 4.1"),
    over: "reliable",
  },
  { ...row("trying", "send100", "trying", [], "4320 4.1"), over: "unreliable" },
  row("trying", "timer100", "proceeding", [send100], "4320 4.1"),
  row("trying", "send200-699", "completed", final, "3261 17.2.2"),
  row("trying", "send408", "terminated", [terminated], "4320 4.2"),

  row("proceeding", "request", "proceeding", [resend], "3261 17.2.2"),
  row("proceeding", "send100", "proceeding", [send], "3261 17.2.2"),
  row("proceeding", "transportError", "proceeding", [transportFailed], "6026 8.8"),
  row("proceeding", "send200-699", "completed", [send, start("J")], "3261 17.2.2"),
  row("proceeding", "send408", "terminated", [terminated], "4320 4.2"),

  row("completed", "request", "completed", [resend], "3261 17.2.2"),
  row("completed", "send200-699", "completed", [], "3261 17.2.2"),
  row("completed", "transportError", "completed", [transportFailed], "6026 8.8"),
  row("completed", "timerJ", "terminated", [terminated], "3261 17.2.2"),
];

/** The input that a response of the user is; `undefined`: never sent (RFC 4320 section 4.1). */
export const inputOf = (status: number): Input | undefined =>
  status === 100
    ? "send100"
    : status < 200
    ? undefined
    : status === 408
    ? "send408"
    : "send200-699";

export const make = (config: Machine.Config): Step<Machine.State<Name>, Input, Machine.Output> =>
  Machine.compile(rows, config);
