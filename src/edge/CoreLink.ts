/**
 * Commands on their way to the core: to the shard of their actor, repeated with the same id until
 * somebody answers or the deadline has passed.
 */
import { Effect } from "effect";
import { isReplyEnvelope } from "../../schemas/Envelope.ts";
import type { ActorId, CellId, ShardId, TenantId } from "../../schemas/Ids.ts";
import type { CallCommand } from "../../schemas/Call.ts";
import type { Reply } from "../../schemas/Reply.ts";
import type { UserRequest } from "../../schemas/User.ts";
import * as Subjects from "../../schemas/Subjects.ts";
import type { Bus } from "../bus/Bus.ts";
import type { Environment } from "../kernel/Environment.ts";
import type { Counters } from "../telemetry/Counters.ts";

export interface To {
  readonly cell: CellId;
  readonly shard: ShardId;
  readonly actor: ActorId;
  /** Null inside a dialog: the actor knows its tenant, the edge does not. */
  readonly tenant: TenantId | null;
}

export interface CoreLink {
  /** `answered` is called once; undefined: nobody answered before the deadline. */
  readonly send: (
    to: To,
    id: string,
    command: CallCommand | UserRequest,
    deadlineMs: number,
    answered: (reply: Reply | undefined) => void,
  ) => void;
}

export interface Config {
  readonly bus: Bus["Service"];
  readonly environment: Environment;
  readonly counters: Counters;
  /** Runs an effect whose result is wanted by callback. */
  readonly run: (effect: Effect.Effect<void>) => void;
}

const attemptMs = 4_000;
const firstRetryMs = 50;
const longestRetryMs = 1_000;

export const make = ({ bus, counters, environment, run }: Config): CoreLink => {
  const retries = counters.counter("edge_command_retries_total");
  const abandoned = counters.counter("edge_commands_abandoned_total");
  return {
    send: (to, id, command, deadlineMs, answered) => {
      const deadline = environment.now() + deadlineMs;
      const subject = Subjects.commands(to.cell, to.shard);
      const envelope = { ...to, id, deadline, causation: id, traceparent: null, command };
      let wait = firstRetryMs;
      const again = (): void => {
        const now = environment.now();
        if (now + wait >= deadline) {
          abandoned.value++;
          return answered(undefined);
        }
        retries.value++;
        environment.schedule(wait, attempt);
        wait = Math.min(longestRetryMs, wait * 2);
      };
      const attempt = (): void =>
        // Whatever became of it, a defect of the other side included.
        run(Effect.matchCause(bus.request(subject, envelope, attemptMs), {
          onFailure: again,
          onSuccess: (answer) => isReplyEnvelope(answer) ? answered(answer.reply) : again(),
        }));
      attempt();
    },
  };
};
