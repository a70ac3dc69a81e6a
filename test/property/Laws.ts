/** What every decider owes (design, section 4): checked along one run of commands. */
import { expect } from "vitest";
import type { Decider } from "../../src/kernel/Decider.ts";

/** A run: the state after each command, and all events and effects on the way. */
export interface Trail<State, Event, Reply, Effect> {
  readonly state: State;
  readonly events: ReadonlyArray<Event>;
  readonly replies: ReadonlyArray<Reply>;
  readonly effects: ReadonlyArray<Effect>;
}

/** One command: the state before and after it, and what was decided. */
export interface Turn<State, Command, Event, Reply, Effect> {
  readonly before: State;
  readonly command: Command;
  readonly events: ReadonlyArray<Event>;
  readonly reply: Reply;
  readonly effects: ReadonlyArray<Effect>;
  readonly after: State;
}

const clone = <A>(value: A): A => JSON.parse(JSON.stringify(value)) as A;

/**
 * Runs commands that may depend on the state, and checks at each step: `decide` is determined by
 * its arguments, state and events survive a journal (JSON), effects are derived again from what the
 * journal holds, and the folded journal is the live state.
 */
export const run = <State, Command, Event, Reply, Effect>(
  decider: Decider<State, Command, Event, Reply, Effect>,
  next: (state: State, step: number) => Command | undefined,
  steps: number,
  watch: (turn: Turn<State, Command, Event, Reply, Effect>) => void = () => {},
): Trail<State, Event, Reply, Effect> => {
  let state = decider.initial;
  const events: Array<Event> = [];
  const replies: Array<Reply> = [];
  const effects: Array<Effect> = [];
  for (let step = 0; step < steps; step++) {
    const command = next(state, step);
    if (command === undefined) continue;
    const before = state;
    const done = effects.length;
    const decision = decider.decide(state, command);
    expect(decider.decide(clone(state), clone(command))).toEqual(decision);
    replies.push(decision.reply);
    for (const event of decision.events) {
      const after = decider.evolve(state, event);
      const due = decider.effectsOf(state, event, after);
      const stored = clone(event);
      expect(stored).toEqual(event);
      const restored = decider.evolve(clone(state), stored);
      expect(restored).toEqual(after);
      expect(decider.effectsOf(clone(state), stored, clone(restored))).toEqual(due);
      effects.push(...due);
      events.push(event);
      state = after;
    }
    watch({ before, command, ...decision, effects: effects.slice(done), after: state });
  }
  expect(events.map(clone).reduce(decider.evolve, decider.initial)).toEqual(state);
  return { state, events, replies, effects };
};
