/**
 * Deadlines of all actors of a process: a heap whose entries know their place, so that a call that
 * ends takes its deadline with it instead of leaving it there for hours.
 */
import type { Environment } from "../kernel/Environment.ts";

export interface Entry {
  readonly at: number;
  readonly fire: () => void;
  /** Index in the heap; -1 when it is not in it. */
  place: number;
}

export interface Deadlines {
  readonly add: (at: number, fire: () => void) => Entry;
  readonly remove: (entry: Entry) => void;
  /** Earliest deadline. */
  readonly next: () => number | undefined;
  /** Fires and removes what is due. */
  readonly fireDue: (now: number) => void;
  readonly size: () => number;
}

export const make = (): Deadlines => {
  const heap: Array<Entry> = [];
  const put = (entry: Entry, place: number): void => {
    heap[place] = entry;
    entry.place = place;
  };
  const rise = (entry: Entry): void => {
    let place = entry.place;
    while (place > 0) {
      const above = (place - 1) >> 1;
      if (heap[above]!.at <= entry.at) break;
      put(heap[above]!, place);
      place = above;
    }
    put(entry, place);
  };
  const sink = (entry: Entry): void => {
    let place = entry.place;
    for (;;) {
      let below = 2 * place + 1;
      if (below >= heap.length) break;
      if (below + 1 < heap.length && heap[below + 1]!.at < heap[below]!.at) below++;
      if (heap[below]!.at >= entry.at) break;
      put(heap[below]!, place);
      place = below;
    }
    put(entry, place);
  };
  const remove = (entry: Entry): void => {
    if (entry.place < 0) return;
    const last = heap.pop()!;
    if (last !== entry) {
      put(last, entry.place);
      rise(last);
      sink(last);
    }
    entry.place = -1;
  };
  return {
    add: (at, fire) => {
      const entry: Entry = { at, fire, place: heap.length };
      heap.push(entry);
      rise(entry);
      return entry;
    },
    remove,
    next: () => heap[0]?.at,
    fireDue: (now) => {
      for (let entry = heap[0]; entry !== undefined && entry.at <= now; entry = heap[0]) {
        remove(entry);
        entry.fire();
      }
    },
    size: () => heap.length,
  };
};

/** Timers of the runtimes count in 32 bits. */
const longestTimerMs = 2 ** 31 - 1;

/** Fires them at their time, with one timer for all. */
export const timed = (environment: Environment): Deadlines => {
  const heap = make();
  let armed = Infinity;
  let cancel = () => {};
  const arm = (): void => {
    const next = heap.next();
    if (next === undefined || next >= armed) return;
    cancel();
    armed = next;
    const delayMs = Math.min(longestTimerMs, Math.max(0, next - environment.now()));
    cancel = environment.schedule(delayMs, () => {
      armed = Infinity;
      heap.fireDue(environment.now());
      arm();
    });
  };
  return {
    ...heap,
    add: (at, fire) => {
      const entry = heap.add(at, fire);
      arm();
      return entry;
    },
  };
};
