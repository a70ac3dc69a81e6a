/**
 * Actors: journalled, and pure. The runtime stamps time, ids and verified facts into the command,
 * journals the events, and performs the effects after the journal has them (law 1).
 */
export interface Decider<State, Command, Event, Reply, Effect> {
  readonly initial: State;
  /** A rejection is a reply with no events. */
  readonly decide: (state: State, command: Command) => Decision<Event, Reply>;
  /** Total: any event on any state gives a state, because a journal may be older than the code. */
  readonly evolve: (state: State, event: Event) => State;
  /** Depends on its arguments alone, so that a takeover derives the same effects again. */
  readonly effectsOf: (before: State, event: Event, after: State) => ReadonlyArray<Effect>;
}

export interface Decision<Event, Reply> {
  readonly events: ReadonlyArray<Event>;
  readonly reply: Reply;
}

/** Folds events into a state. */
export const fold = <State, Event>(
  decider: { readonly evolve: (state: State, event: Event) => State },
  state: State,
  events: ReadonlyArray<Event>,
): State => events.reduce(decider.evolve, state);
