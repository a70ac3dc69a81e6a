/**
 * Protocol machines (transaction, offer/answer, later ICE and DTLS flights): serialisable values,
 * not actors. One input, then all outputs that it causes.
 */
export type Step<State, Input, Output> = (
  state: State,
  input: Input,
) => readonly [State, ReadonlyArray<Output>];
