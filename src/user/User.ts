/** The user actor: an address of record with its credentials and registrations. */
import type { Effect } from "../../schemas/Effect.ts";
import type { Reply } from "../../schemas/Reply.ts";
import type { UserEvent } from "../../schemas/User.ts";
import type { Decider } from "../kernel/Decider.ts";
import { decide, fold } from "./Decide.ts";
import { type Command, initial, type State } from "./State.ts";

const evolve = (state: State, event: UserEvent): State => {
  switch (event._tag) {
    case "UserProvisioned": {
      const { display, realm, ha1, maxBindings } = event;
      return { ...state, provisioned: true, display, realm, ha1, maxBindings };
    }
    case "UserRemoved":
      return initial;
    case "ContactBound":
    case "ContactUnbound":
      return { ...state, bindings: fold(state.bindings, event) };
    case "EdgeLost": {
      // Phones could not refresh while the edge was away: each gets half an interval more.
      const bindings = state.bindings.map((binding) => {
        const half = (binding.expiresAt - binding.since) / 2;
        return binding.flow.edge === event.edge
          ? { ...binding, expiresAt: Math.max(binding.expiresAt, Math.floor(event.at + half)) }
          : binding;
      });
      return { ...state, bindings };
    }
  }
};

export const decider: Decider<State, Command, UserEvent, Reply, Effect> = {
  initial,
  decide,
  evolve,
  effectsOf: () => [],
};
