/** INVITE client transaction: RFC 3261 section 17.1.1 as amended by RFC 6026 section 8.4. */
import type { Step } from "../../kernel/Step.ts";
import * as Machine from "./Machine.ts";
import {
  deliver,
  resend,
  send,
  sendAck,
  start,
  stop,
  terminated,
  timedOut,
  transportFailed,
} from "./Machine.ts";

export type Name =
  | "initial"
  | "calling"
  | "proceeding"
  | "accepted"
  | "completed"
  | "terminated";

export type Input =
  | "start"
  | "1xx"
  | "2xx"
  | "300-699"
  | "timerA"
  | "timerB"
  | "timerD"
  | "timerM"
  | "transportError";

const row = Machine.rowOf<Name, Input>();

const quiet = [stop("A"), stop("B")];

export const rows: ReadonlyArray<Machine.Row<Name, Input>> = [
  row("initial", "start", "calling", [send, start("A"), start("B")], "3261 17.1.1.2"),

  row("calling", "timerA", "calling", [resend, start("A")], "3261 17.1.1.2"),
  row("calling", "timerB", "terminated", [timedOut, terminated], "3261 17.1.1.2"),
  row("calling", "transportError", "terminated", [transportFailed, terminated], "3261 17.1.4"),
  row("calling", "1xx", "proceeding", [deliver, ...quiet], "3261 17.1.1.2"),
  row("calling", "2xx", "accepted", [deliver, ...quiet, start("M")], "6026 8.4"),
  row("calling", "300-699", "completed", [deliver, sendAck, ...quiet, start("D")], "3261 17.1.1.2"),

  row("proceeding", "1xx", "proceeding", [deliver], "3261 17.1.1.2"),
  row("proceeding", "2xx", "accepted", [deliver, start("M")], "6026 8.4"),
  row("proceeding", "300-699", "completed", [deliver, sendAck, start("D")], "3261 17.1.1.2"),

  // Every 2xx, repeated or from another branch, is for the transaction user, who sends the ACK.
  row("accepted", "2xx", "accepted", [deliver], "6026 7.2"),
  row("accepted", "timerM", "terminated", [terminated], "6026 8.4"),

  row("completed", "300-699", "completed", [sendAck], "3261 17.1.1.2"),
  row("completed", "timerD", "terminated", [terminated], "3261 17.1.1.2"),
  row("completed", "transportError", "terminated", [transportFailed, terminated], "3261 17.1.4"),
];

/** The input that a response is. */
export const inputOf = (status: number): Input =>
  status < 200 ? "1xx" : status < 300 ? "2xx" : "300-699";

export const make = (config: Machine.Config): Step<Machine.State<Name>, Input, Machine.Output> =>
  Machine.compile(rows, config);
