/** Names of subjects. Tokens come from ids with a closed alphabet, never from a peer. */
import type { CellId, ShardId, WorkerId } from "./Ids.ts";

/** Commands of edges to the actors of a shard: request and reply. */
export const commands = (cell: CellId, shard: ShardId): string => `cmd.${cell}.${shard}`;

/** Questions and commands among cores; edges may not speak here. */
export const queries = (cell: CellId, shard: ShardId): string => `ask.${cell}.${shard}`;

/** Confirmations of effects. */
export const done = (cell: CellId, shard: ShardId): string => `done.${cell}.${shard}`;

/** The mailbox of an edge: effect batches. */
export const edge = (id: WorkerId): string => `edge.${id}`;

/** The mailbox of a media worker: reservations and effect batches. */
export const media = (id: WorkerId): string => `media.${id}`;

/** Workers that came up. */
export const announce = "announce";

/** What edges need to address commands. */
export const realms = "realms";

/** Ladder entries from edges, for `tandem call`. */
export const traces = "traces";
