/**
 * Non-INVITE client transaction: RFC 3261 section 17.1.2. When it times out the user is told so and
 * no 408 is made up (RFC 4320 section 4.2).
 */
import type { Step } from "../../kernel/Step.ts";
import * as Machine from "./Machine.ts";
import {
  deliver,
  resend,
  send,
  start,
  stop,
  terminated,
  timedOut,
  transportFailed,
} from "./Machine.ts";

export type Name = "initial" | "trying" | "proceeding" | "completed" | "terminated";

export type Input =
  | "start"
  | "1xx"
  | "200-699"
  | "timerE"
  | "timerF"
  | "timerK"
  | "transportError";

const row = Machine.rowOf<Name, Input>();

const final = [deliver, stop("E"), stop("F"), start("K")];

export const rows: ReadonlyArray<Machine.Row<Name, Input>> = [
  row("initial", "start", "trying", [send, start("E"), start("F")], "3261 17.1.2.2"),

  row("trying", "timerE", "trying", [resend, start("E")], "3261 17.1.2.2"),
  row("trying", "timerF", "terminated", [timedOut, terminated], "3261 17.1.2.2"),
  row("trying", "transportError", "terminated", [transportFailed, terminated], "3261 17.1.4"),
  row("trying", "1xx", "proceeding", [deliver], "3261 17.1.2.2"),
  row("trying", "200-699", "completed", final, "3261 17.1.2.2"),

  row("proceeding", "timerE", "proceeding", [resend, start("E")], "3261 17.1.2.2"),
  row("proceeding", "timerF", "terminated", [timedOut, terminated], "3261 17.1.2.2"),
  row("proceeding", "transportError", "terminated", [transportFailed, terminated], "3261 17.1.4"),
  row("proceeding", "1xx", "proceeding", [deliver], "3261 17.1.2.2"),
  row("proceeding", "200-699", "completed", final, "3261 17.1.2.2"),

  row("completed", "timerK", "terminated", [terminated], "3261 17.1.2.2"),
];

/** The input that a response is. */
export const inputOf = (status: number): Input => status < 200 ? "1xx" : "200-699";

export const make = (config: Machine.Config): Step<Machine.State<Name>, Input, Machine.Output> =>
  Machine.compile(rows, config);
