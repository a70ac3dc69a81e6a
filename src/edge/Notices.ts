/** What an edge tells the core by the way: collected for a while, published together. */
import type { Effect } from "effect";
import type { EffectRef } from "../../schemas/Effect.ts";
import type { MessageRow } from "../../schemas/rpc/Rows.ts";
import * as Subjects from "../../schemas/Subjects.ts";
import type { Bus } from "../bus/Bus.ts";
import type { Environment } from "../kernel/Environment.ts";
import type { Context } from "./Context.ts";

export interface Ports {
  readonly bus: Bus["Service"];
  readonly environment: Environment;
  readonly run: (effect: Effect.Effect<void>) => void;
}

const doneMs = 50;
const traceMs = 500;
const mostTraces = 20_000;

/** Collects for `delayMs` from the first item; more than `most` are dropped. */
const collector = <Item>(
  environment: Environment,
  delayMs: number,
  pass: (items: ReadonlyArray<Item>) => void,
  most = Infinity,
) => {
  let items: Array<Item> = [];
  return (item: Item): void => {
    if (items.length >= most) return;
    items.push(item);
    if (items.length > 1) return;
    environment.schedule(delayMs, () => {
      const taken = items;
      items = [];
      pass(taken);
    });
  };
};

export const make = ({ bus, environment, run }: Ports): Pick<Context, "done" | "trace"> => {
  const dones = new Map<string, (ref: EffectRef) => void>();
  return {
    trace: collector<MessageRow>(
      environment,
      traceMs,
      (rows) => run(bus.publish(Subjects.traces, rows)),
      mostTraces,
    ),
    done: ({ cell, shard }, ref) => {
      const subject = Subjects.done(cell, shard);
      const known = dones.get(subject) ??
        collector<EffectRef>(environment, doneMs, (refs) => run(bus.publish(subject, refs)));
      dones.set(subject, known);
      known(ref);
    },
  };
};
