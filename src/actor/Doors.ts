/** The doors of the shards on the bus. What comes in is checked here, whoever sent it. */
import { Effect, Schema, type Scope } from "effect";
import {
  Announcement,
  type CommandEnvelope,
  EffectsDone,
  type QueryEnvelope,
  type ReplyEnvelope,
  RequestEnvelope,
} from "../../schemas/Envelope.ts";
import type { CellId } from "../../schemas/Ids.ts";
import { answered } from "../../schemas/Reply.ts";
import * as Subjects from "../../schemas/Subjects.ts";
import type { Bus } from "../bus/Bus.ts";
import type { Counter, Counters } from "../telemetry/Counters.ts";
import type { Outbox } from "./Outbox.ts";
import type { Shard } from "./Shard.ts";
import type { Submit } from "./Submission.ts";

export interface Ports {
  readonly bus: Bus["Service"];
  readonly cell: CellId;
  /** How many shards the cell has. */
  readonly count: number;
  /** Those owned here, by number. */
  readonly shards: ReadonlyMap<number, Shard>;
  readonly submit: Submit;
  readonly outbox: Outbox;
  readonly now: () => number;
  readonly counters: Counters;
}

/** A field is longer than anything here can use, or no such command: asking again helps nobody. */
const unreadable: ReplyEnvelope = { id: "", epoch: 0, reply: answered(400, [], "Field Too Long") };
const decodeRequest = Schema.decodeUnknownExit(RequestEnvelope);
/** Cores trust each other: of a question only the shape is looked at. */
const isQuery = (payload: unknown): payload is typeof QueryEnvelope.Type =>
  typeof payload === "object" && payload !== null && "actor" in payload && "command" in payload;
const decodeDone = Schema.decodeUnknownExit(EffectsDone);
const decodeAnnouncement = Schema.decodeUnknownExit(Announcement);

type Answer = (payload: unknown) => Effect.Effect<ReplyEnvelope | undefined>;

/** Requests of edges, and questions of other cores. */
const answers = ({ shards, submit }: Ports, malformed: Counter) => {
  const answer = (envelope: CommandEnvelope): Effect.Effect<ReplyEnvelope | undefined> =>
    Effect.callback((resume) =>
      submit(envelope, (reply) => {
        const { id, shard } = envelope;
        const epoch = shards.get(shard)?.epoch ?? 0;
        resume(Effect.succeed(reply === undefined ? undefined : { id, epoch, reply }));
      })
    );
  const refuse = Effect.sync(() => {
    malformed.value++;
    return unreadable;
  });
  /** Edges stand in the outer zone: their commands are checked to the last field. */
  const request: Answer = (payload) => {
    const envelope = decodeRequest(payload);
    return envelope._tag === "Success" ? answer(envelope.value) : refuse;
  };
  const query: Answer = (payload) => isQuery(payload) ? answer(payload) : refuse;
  return { request, query };
};

/** A worker that comes with a new incarnation has lost what its last one held. */
const announcements = ({ now, outbox, shards }: Ports, malformed: Counter) => {
  const incarnations = new Map<string, string>();
  return (payload: unknown): void => {
    const decoded = decodeAnnouncement(payload);
    if (decoded._tag === "Failure") return void malformed.value++;
    const { role, worker, incarnation } = decoded.value;
    if (role === "core" || incarnations.get(`${role}/${worker}`) === incarnation) return;
    incarnations.set(`${role}/${worker}`, incarnation);
    const at = now();
    for (const shard of shards.values()) {
      if (role === "edge" && shard.cells.size > 0) {
        shard.broadcast({ _tag: "EdgeLost", at, edge: worker, incarnation });
      }
      outbox.resend(shard, { _tag: role === "edge" ? "Edge" : "Media", id: worker });
    }
  };
};

/** Opens them for the life of the scope. */
export const open = Effect.fnUntraced(function* (
  ports: Ports,
): Effect.fn.Return<void, never, Scope.Scope> {
  const { bus, cell, count, counters, shards } = ports;
  const malformed = counters.counter("bus_messages_refused_total", { reason: "schema" });
  const { query, request } = answers(ports, malformed);
  const announced = announcements(ports, malformed);

  for (let n = 0; n < count; n++) {
    yield* bus.serve(Subjects.commands(cell, n), request);
    yield* bus.serve(Subjects.queries(cell, n), query);
    yield* bus.subscribe(Subjects.done(cell, n), (payload) =>
      Effect.sync(() => {
        const refs = decodeDone(payload);
        if (refs._tag === "Failure") return void malformed.value++;
        for (const ref of refs.value) shards.get(n)?.confirm(ref);
      }));
  }
  yield* bus.subscribe(Subjects.announce, (payload) => Effect.sync(() => announced(payload)));
});
