/**
 * INVITE server transaction: RFC 3261 section 17.2.1 as amended by RFC 6026 section 8.5. The 100
 * is the transaction user's affair: it knows what was recorded before it may stop the client's
 * retransmissions. A failing transport ends nothing here, so that retransmissions stay absorbed.
 */
import type { Step } from "../../kernel/Step.ts";
import * as Machine from "./Machine.ts";
import {
  deliver,
  noAck,
  resend,
  send,
  start,
  stop,
  terminated,
  transportFailed,
} from "./Machine.ts";

export type Name =
  | "initial"
  | "proceeding"
  | "accepted"
  | "completed"
  | "confirmed"
  | "terminated";

export type Input =
  | "request"
  | "ack"
  | "send1xx"
  | "send2xx"
  | "send300-699"
  | "timerG"
  | "timerH"
  | "timerI"
  | "timerL"
  | "transportError";

const row = Machine.rowOf<Name, Input>();

export const rows: ReadonlyArray<Machine.Row<Name, Input>> = [
  row("initial", "request", "proceeding", [deliver], "3261 17.2.1"),

  row("proceeding", "request", "proceeding", [resend], "3261 17.2.1"),
  row("proceeding", "send1xx", "proceeding", [send], "3261 17.2.1"),
  row("proceeding", "send2xx", "accepted", [send, start("L")], "6026 8.5"),
  row("proceeding", "send300-699", "completed", [send, start("G"), start("H")], "3261 17.2.1"),
  row("proceeding", "transportError", "proceeding", [transportFailed], "6026 8.8"),

  // The user repeats the 2xx until its ACK comes, so a repeated INVITE asks for nothing more.
  row("accepted", "request", "accepted", [], "6026 7.1"),
  row("accepted", "ack", "accepted", [deliver], "6026 7.1"),
  row("accepted", "send2xx", "accepted", [send], "6026 7.1"),
  row("accepted", "transportError", "accepted", [transportFailed], "6026 8.8"),
  row("accepted", "timerL", "terminated", [terminated], "6026 8.5"),

  row("completed", "request", "completed", [resend], "3261 17.2.1"),
  row("completed", "timerG", "completed", [resend, start("G")], "3261 17.2.1"),
  row("completed", "timerH", "terminated", [noAck, terminated], "3261 17.2.1"),
  row("completed", "transportError", "completed", [transportFailed], "6026 8.8"),
  row("completed", "ack", "confirmed", [stop("G"), stop("H"), start("I")], "3261 17.2.1"),

  row("confirmed", "request", "confirmed", [], "3261 17.2.1"),
  row("confirmed", "ack", "confirmed", [], "3261 17.2.1"),
  row("confirmed", "timerI", "terminated", [terminated], "3261 17.2.1"),
];

/** The input that a response of the user is. */
export const inputOf = (status: number): Input =>
  status < 200 ? "send1xx" : status < 300 ? "send2xx" : "send300-699";

export const make = (config: Machine.Config): Step<Machine.State<Name>, Input, Machine.Output> =>
  Machine.compile(rows, config);
