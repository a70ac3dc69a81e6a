/** A6: what a journal of calls holds, and what a takeover makes of it. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { CallEvent } from "../../schemas/CallEvent.ts";
import type { RecordHeader } from "../../schemas/Record.ts";
import { type AnyBehaviour, erase } from "../../src/actor/Behaviour.ts";
import * as Cell from "../../src/actor/Cell.ts";
import { deadlineOf, decider, isOver } from "../../src/call/Call.ts";
import { confirms } from "../../src/call/Effects.ts";
import { parameters } from "../prove/Rows.ts";
import { type Life, live, type Turn } from "./CallLife.ts";
import * as Model from "./CallModel.ts";

const { runs } = parameters("A6");

/** As much of the call's behaviour as folding needs. */
const behaviour: AnyBehaviour = erase({
  kind: "call",
  decider,
  decodeEvent: (json) => json as CallEvent,
  broadcast: () => undefined,
  prepare: () => undefined,
  stamp: () => {
    throw new Error("nothing is decided here");
  },
  deadlineOf,
  confirms,
  isOver,
  perform: () => {
    throw new Error("nothing is performed here");
  },
});

const turnsOf = (life: Life): ReadonlyArray<Turn> => {
  const turns: Array<Turn> = [];
  live(life, (turn) => void turns.push(turn));
  return turns;
};

/** One record for each command that decided something. */
const recordsOf = (life: Life): ReadonlyArray<Turn["events"]> =>
  turnsOf(life).flatMap(({ events }) => events.length === 0 ? [] : [events]);

const header = (sequence: number): RecordHeader => ({
  v: 1,
  cell: "a",
  shard: 0,
  epoch: 1,
  sequence,
  actor: "call/x",
  tenant: "demo",
  command: "",
  causation: "",
  traceparent: null,
  at: 1_000_000,
  key: "",
});

const clone = <A>(value: A): A => JSON.parse(JSON.stringify(value)) as A;

const fold = (
  cell: Cell.Cell,
  records: ReadonlyArray<Turn["events"]>,
  first: number,
): Cell.Cell => {
  records.forEach((events, n) => void Cell.apply(cell, header(first + n), clone(events)));
  return cell;
};

const held = ({ state, pending, sequence }: Cell.Cell) => ({ state, pending, sequence });

test("whoever takes over, from the log or from a checkpoint, holds the same effects", () => {
  fc.assert(
    fc.property(Model.life, fc.nat({ max: 40 }), (life, cut) => {
      const records = recordsOf(life);
      const made = () => Cell.make("call/x", "demo", behaviour);
      const whole = fold(made(), records, 1);
      const before = fold(made(), records.slice(0, cut), 1);
      const checkpoint = clone(Cell.snapshot(before));
      const taken = Cell.restore("demo", behaviour, before.sequence, checkpoint);
      expect(held(taken)).toEqual(held(before));
      expect(held(fold(taken, records.slice(cut), 1 + cut))).toEqual(held(whole));
      // One slot, one effect: what is derived again replaces nothing that is newer.
      const slots = whole.pending.map(({ ref }) => ref.slot);
      expect(slots).toEqual([...new Set(slots)]);
    }),
    { numRuns: runs },
  );
});

describe("records of a plain call, at most five", () => {
  const beginning = {
    targets: 1,
    feature: null,
    late: false,
    refused: false,
    media: "relay",
  } as const;
  const callee = (kind: Model.Move["kind"]): Model.Move => ({ kind, leg: 1, salt: 0 });
  const caller = (kind: Model.Move["kind"]): Model.Move => ({ kind, leg: 0, salt: 0 });
  const again = callee("twice");

  test.each<[string, ReadonlyArray<Model.Move>, number]>([
    [
      "ringing, answered, hung up by the caller",
      [callee("progress"), callee("answer"), caller("confirm"), caller("bye")],
      4,
    ],
    [
      "early media, ringing, answered, hung up by the callee",
      [callee("early"), callee("progress"), callee("answer"), callee("bye")],
      5,
    ],
    [
      "every message twice, and an OPTIONS in between",
      [
        ...[callee("progress"), again, callee("answer"), again, caller("confirm"), again],
        ...[callee("probe"), again, caller("bye"), again],
      ],
      4,
    ],
    ["cancelled while it rings", [callee("progress"), again, caller("cancel"), again], 3],
    ["busy", [callee("refuse"), again], 2],
  ])("%s", (_what, moves, most) => {
    expect(recordsOf({ beginning, moves })).toHaveLength(most);
  });
});
