/**
 * Effects on their way to whoever performs them: at least once, in order for each actor, until they
 * are confirmed, replaced or expired.
 */
import type { EffectBatch, Performed, Performer } from "../../schemas/Effect.ts";
import * as Subjects from "../../schemas/Subjects.ts";
import type { ActorId } from "../../schemas/Ids.ts";
import type { Counters } from "../telemetry/Counters.ts";
import type { Pending } from "./Cell.ts";
import type { Shard } from "./Shard.ts";

export interface Ports {
  readonly now: () => number;
  readonly schedule: (delayMs: number, task: () => void) => void;
  readonly counters: Counters;
  /** Sends a batch; `answered` gets undefined when nobody answered in time. */
  readonly send: (
    subject: string,
    batch: EffectBatch,
    answered: (performed: Performed | undefined) => void,
  ) => void;
  /** Performs an effect of the host itself. */
  readonly host: (shard: Shard, actor: ActorId, pending: Pending) => void;
}

export interface Outbox {
  readonly release: (shard: Shard, actor: ActorId, due: ReadonlyArray<Pending>) => void;
  /** Sends all pending effects of a shard (again): after activation, or to a new incarnation. */
  readonly resend: (shard: Shard, to?: Performer) => void;
}

/** What waits for one performer, of one actor. */
interface Lane {
  readonly key: string;
  readonly shard: Shard;
  readonly actor: ActorId;
  readonly subject: string;
  queue: Array<Pending>;
  busy: boolean;
  failures: number;
}

const maxBatch = 64;
const firstRetryMs = 100;
const longestRetryMs = 2_000;

const subjectOf = (performer: Performer): string =>
  performer._tag === "Edge"
    ? Subjects.edge(performer.id)
    : performer._tag === "Media"
    ? Subjects.media(performer.id)
    : "";

const samePerformer = (a: Performer, b: Performer): boolean => subjectOf(a) === subjectOf(b);

/** Of one activation: what an earlier owner left unsent is not ours to send. */
const keyOf = (shard: Shard, actor: ActorId, performer: Performer): string =>
  `${shard.epoch} ${subjectOf(performer)} ${actor}`;

/** Sends what is due on a lane, one batch under way at a time; `empty` when nothing is left. */
const pumpOf = (ports: Ports, empty: (lane: Lane) => void) => {
  const sent = ports.counters.counter("outbox_effects_total");
  const retried = ports.counters.counter("outbox_retries_total");
  const refused = ports.counters.counter("outbox_refused_total");
  const expired = ports.counters.counter("outbox_expired_total");

  /** Still wanted: pending in the actor, and in time. */
  const isDue = ({ shard, actor }: Lane, { ref, effect, deadline }: Pending): boolean => {
    if (shard.isClosed) return false;
    const wanted = shard.cells.get(actor)?.pending.some((pending) => pending.ref === ref) ?? false;
    if (wanted && !effect.standing && deadline < ports.now()) {
      expired.value++;
      shard.confirm(ref);
      return false;
    }
    return wanted;
  };

  const settle = (lane: Lane, batch: ReadonlyArray<Pending>, performed: Performed): void => {
    batch.forEach(({ ref }, n) => {
      if (performed[n] === "done") lane.shard.confirm(ref);
      if (performed[n] === "refused") refused.value++;
    });
  };

  const pump = (lane: Lane): void => {
    if (lane.busy) return;
    const due = lane.queue.filter((pending) => isDue(lane, pending));
    if (due.length === 0) return empty(lane);
    const batch = due.slice(0, maxBatch);
    lane.queue = due.slice(maxBatch);
    lane.busy = true;
    sent.value += batch.length;
    const { cell, shard } = lane.shard.ref;
    const effects = batch.map(({ ref, effect, deadline }) => ({
      ref,
      deadline,
      body: effect.body as EffectBatch["effects"][number]["body"],
    }));
    ports.send(lane.subject, { cell, shard, epoch: lane.shard.epoch, effects }, (performed) => {
      lane.busy = false;
      if (performed !== undefined) {
        lane.failures = 0;
        settle(lane, batch, performed);
        return pump(lane);
      }
      retried.value++;
      lane.queue = [...batch, ...lane.queue];
      const delay = Math.min(longestRetryMs, firstRetryMs * 2 ** lane.failures++);
      ports.schedule(delay, () => pump(lane));
    });
  };
  return pump;
};

export const make = (ports: Ports): Outbox => {
  const lanes = new Map<string, Lane>();
  const pump = pumpOf(ports, (lane) => {
    // A retry that comes late may find another lane in its place.
    if (lanes.get(lane.key) === lane) lanes.delete(lane.key);
  });

  const release = (shard: Shard, actor: ActorId, due: ReadonlyArray<Pending>): void => {
    for (const pending of due) {
      const { performer } = pending.effect;
      if (performer._tag === "Host") {
        ports.host(shard, actor, pending);
        continue;
      }
      const subject = subjectOf(performer);
      const key = keyOf(shard, actor, performer);
      const lane = lanes.get(key) ??
        { key, shard, actor, subject, queue: [], busy: false, failures: 0 };
      lanes.set(key, lane);
      if (!lane.queue.includes(pending)) lane.queue.push(pending);
    }
    for (const { effect } of due) {
      const key = keyOf(shard, actor, effect.performer);
      const lane = lanes.get(key);
      if (lane !== undefined) pump(lane);
    }
  };

  return {
    release,
    resend: (shard, to) => {
      for (const { actor, pending } of shard.cells.values()) {
        const due = to === undefined
          ? pending
          : pending.filter(({ effect }) => samePerformer(effect.performer, to));
        if (due.length > 0) release(shard, actor, due);
      }
    },
  };
};
